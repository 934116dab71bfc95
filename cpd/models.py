"""Models alone: texts and clips to unit vectors, without a library."""

from cpd_model.encoder import Encoder
from cpd_model.loading import list_models, load_encoder

__all__ = ["Encoder", "list_models", "load_encoder"]
