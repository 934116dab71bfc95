"""Files that are sent: those of videos, and pictures and films made of them."""
