"""Text that JSON and Python can hold and that no file can be named by."""

from collections.abc import Callable
from typing import Any

import pytest

from cpd_model.errors import InputError
from index.library.library import Library


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
@pytest.mark.parametrize(
    "call",
    [
        lambda library, name: library.remove([name], dry_run=True),
        lambda library, name: library.metadata.get(name),
        lambda library, name: library.metadata.set(name, {"k": 1}),
        lambda library, name: library.roots.set("films", name, even_if_missing=True),
    ],
)
def test_a_name_that_no_file_can_have_is_one_sentence(
    library: Library, call: Callable[[Library, str], Any], name: str
) -> None:
    with pytest.raises(InputError, match="no file can be named"):
        call(library, name)
