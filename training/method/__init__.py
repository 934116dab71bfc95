"""The paper's method: pair discrimination by NCE with memory banks, in two stages."""
