"""A library as a whole: opened, filled, searched and verified, by one writer at a time."""
