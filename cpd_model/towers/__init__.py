"""The networks: video towers, the text tower, and weights for them out of others' files."""
