"""Generated videos: pairs that only time tells apart, and the few of a first run."""
