"""The avatar: a body at rest with bones, shapes and maps, as files that other programs open."""
