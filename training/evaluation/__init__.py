"""The protocols: retrieval, zero-shot, linear, fine-tuning, and their figures."""
