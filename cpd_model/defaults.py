"""The one place that names the default model."""

DEFAULT_MODEL = "cpd-start"
"""Used wherever a person names no model."""
