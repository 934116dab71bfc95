"""The commands `cpd index ...`, `cpd search` and `cpd label`: what people type and read."""
