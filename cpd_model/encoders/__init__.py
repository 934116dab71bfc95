"""Models behind the protocol `Encoder`: our own, and ready-made ones of transformers."""
