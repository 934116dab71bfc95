"""Models as folders: our own bundles, and what a hub's cache holds."""
