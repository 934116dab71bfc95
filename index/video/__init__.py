"""Video files, and pictures as if they were video. PyAV is imported here alone."""
