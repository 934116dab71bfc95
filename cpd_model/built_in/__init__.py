"""The models that a fresh machine has by name, made from what is installed."""
