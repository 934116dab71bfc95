"""Video/text pairs: lists of them, the layouts of data sets, and batches."""
