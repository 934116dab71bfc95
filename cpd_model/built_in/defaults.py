"""The one place that names the default model."""

DEFAULT_MODEL = "cpd-base"
"""Used wherever a person names no model."""
