"""A library as a whole: opened, filled, searched and verified."""
