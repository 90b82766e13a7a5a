"""Pictures of a scanned person: looks, frames, a path tracer, a quick preview, and views of light for people."""
