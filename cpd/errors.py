"""Failures that a program may want to catch; cpd_model.errors and index.errors draw them all."""

from cpd_model.errors import CPDError, InputError, ModelError
from index.errors import (
    FilterError,
    IndexMismatchError,
    LibraryBusyError,
    LibraryError,
    LibraryNotFoundError,
    RootGoneError,
    VideoError,
)

__all__ = [
    "CPDError",
    "FilterError",
    "IndexMismatchError",
    "InputError",
    "LibraryBusyError",
    "LibraryError",
    "LibraryNotFoundError",
    "ModelError",
    "RootGoneError",
    "VideoError",
]
