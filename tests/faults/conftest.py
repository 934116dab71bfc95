"""Children to strike at, and libraries to copy: each operation begins where the others do."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.children import Children, running_children
from tests.faults.operations import OPERATIONS


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    with running_children() as running:
        yield running


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Path]:
    """Bring the library in which an operation begins to a folder; the folder."""
    templates = tmp_path_factory.mktemp("templates")

    def prepare(operation: str, folder: Path) -> Path:
        template = templates / OPERATIONS[operation].prepare.__name__
        if not template.exists():
            OPERATIONS[operation].prepare(template)
        return shutil.copytree(template, folder)

    return prepare
