"""The commands `cpd train`, `cpd evaluate` and `cpd dataset`."""
