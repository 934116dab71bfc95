"""Keeps a library in step with folders while files come, change, move and go."""
