"""The command line: about fifteen lines per command over the library."""
