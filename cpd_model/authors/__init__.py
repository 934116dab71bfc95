"""The authors' own checkpoints (MCG-NJU/CPD-Video) as bundles."""
