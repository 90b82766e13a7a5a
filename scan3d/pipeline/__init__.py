"""The engine: stages, their content-addressed store, the executor, progress. It knows no domain."""
