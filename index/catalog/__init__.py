"""The catalog, the only truth of a library: one SQLite file behind real transactions."""
