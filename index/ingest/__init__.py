"""Video files to embeddings: found, cut into tasks, decoded elsewhere, encoded in full batches."""
