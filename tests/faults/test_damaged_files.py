"""Damage to any file of a library: a right answer or one sentence, never a wrong answer.

Bytes of the catalog that damage changes are struck at in test_damaged_catalog.py too.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from index.catalog.connection import CATALOG_NAME
from index.errors import LibraryCorruptError
from index.library.library import Library
from tests.faults.children import Children, Job
from tests.faults.damage import PAGE_BYTES
from tests.faults.operations import FULL, State, found, make_full, put_seed

FEW = 40
MANY = range(FEW, 1240, 400)

LATER: list[State] = [FULL | {f"/{i}.mp4": i for i in range(8, stop)} for stop in range(8, 16)]
"""What the library with a log held, change by change: a log that is cut loses the last ones."""

STRUCK: dict[str, tuple[str, list[State]]] = {
    "part": ("parts/*/*", [FULL]),
    "catalog": (CATALOG_NAME, [FULL]),
    "log": (f"{CATALOG_NAME}-wal", LATER),
}
"""Which files are damaged, and what the library may then be found to hold."""

Strike = Callable[[str, int, int], str]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library that nobody has open."""
    folder = tmp_path_factory.mktemp("full") / "library"
    make_full(folder)
    return folder


@pytest.fixture(scope="module")
def with_log(full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library whose last changes stand in SQLite's log, as a killed program leaves it."""
    folder = tmp_path_factory.mktemp("log") / "library"
    running = shutil.copytree(full, folder.with_name("running"))
    with Library.open(running) as library, library.writer() as writer:
        for seed in range(8, 15):
            put_seed(writer, f"/{seed}.mp4", seed)
        shutil.copytree(running, folder)
    return folder


@pytest.fixture
def strike(children: Children, full: Path, with_log: Path) -> Strike:
    """Damage copies of a library by some seeds; what was wrong."""

    def run(where: str, first: int, stop: int) -> str:
        pattern, states = STRUCK[where]
        arguments = {
            "template": str(with_log if where == "log" else full),
            "pattern": pattern,
            "states": states,
            "first": first,
            "stop": stop,
        }
        (end,) = children.run(Job("damage:strike", arguments))
        return end.said + ("" if end.code == 0 else f"the child ended with {end.code}")

    return run


@pytest.mark.parametrize("where", STRUCK)
def test_a_few_damages_reach_no_answer(where: str, strike: Strike) -> None:
    assert strike(where, 0, FEW) == ""


@pytest.mark.long_faults
@pytest.mark.parametrize("first", MANY)
@pytest.mark.parametrize("where", STRUCK)
def test_many_damages_reach_no_answer(where: str, first: int, strike: Strike) -> None:
    assert strike(where, first, first + MANY.step) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("embedded_videos", "ix_tombstones_generation"),
        ("segments", "ix_videos_state"),
        ("embeddings", "epochs"),
        ("library", "epochs"),
        ("videos", "epochs"),
        ("parts", "epochs"),
    ],
)
def test_two_pages_of_the_catalog_that_changed_places_are_told(
    full: Path, tmp_path: Path, one: str, other: str
) -> None:
    """Each is a page that SQLite can read; of what it should hold SQLite knows nothing."""
    folder = shutil.copytree(full, tmp_path / "library")
    pages = root_pages(folder)
    content = bytearray((folder / CATALOG_NAME).read_bytes())
    first, second = page_of(pages[one]), page_of(pages[other])
    content[first], content[second] = content[second], content[first]
    (folder / CATALOG_NAME).write_bytes(content)

    with pytest.raises(LibraryCorruptError), Library.open(folder) as library:
        found(library, 0)


@pytest.mark.parametrize("name", ["path", "video_id"])
def test_a_name_that_damage_changed_is_not_told(full: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(full, tmp_path / "library")
    with Library.open(folder) as library:
        row = library.videos(limit=1)[0]
    known = {"path": b"/0.mp4", "video_id": row.video_id.encode()}[name]
    page = page_of(root_pages(folder)["videos"])
    content = bytearray((folder / CATALOG_NAME).read_bytes())
    at = content.index(known, page.start, page.stop)
    content[at + 1] ^= 1
    (folder / CATALOG_NAME).write_bytes(content)

    with Library.open(folder) as library, pytest.raises(LibraryCorruptError, match="verify"):
        found(library, 0)


def root_pages(folder: Path) -> dict[str, int]:
    """Where each table and index of the catalog begins."""
    with contextlib.closing(sqlite3.connect(folder / CATALOG_NAME)) as connection:
        return dict(connection.execute("SELECT name, rootpage FROM sqlite_master"))


def page_of(number: int) -> slice:
    return slice((number - 1) * PAGE_BYTES, number * PAGE_BYTES)
