"""The class names that a protocol is asked about: of a file, or a list."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cpd_model.errors import InputError
from cpd_model.zero_shot import read_class_names
from index.label import check_labels

Classes: TypeAlias = Path | Sequence[str]
"""A file of class names, one a line, or the names themselves."""


class ClassList(NamedTuple):
    """Class names, in their order."""

    names: list[str]
    source: str
    """Where they are from, for a sentence."""


def read_classes(classes: Classes) -> ClassList:
    """Class names of a file or a list; each is another class.

    Raises:
        InputError: no such file, no UTF-8, no name in it, or two that are read as the same words;
            a list of fewer than two different names.
    """
    if not isinstance(classes, Path):
        names = list(classes)
        check_labels(names)
        return ClassList(names, "the given list")
    try:
        return ClassList(
            read_class_names(classes.read_text(encoding="utf-8-sig")), source=classes.name
        )
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot read the class list {classes}: {reason}") from error
