"""Vectors of one catalog generation, in memory and in files. FAISS is imported here alone."""
