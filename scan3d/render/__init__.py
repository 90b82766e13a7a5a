"""Pictures of a scanned person: looks, cameras and frames, a path tracer, a quick preview, views of light for people."""
