"""Whatever damage does to a catalog, what is asked of it ends in an answer or a sentence."""

import contextlib
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from cpd_model.errors import CPDError
from index.catalog.connection import CATALOG_NAME
from index.library.library import Library
from tests.index.libraries import MADE_BY, axis, file_version, make_library, put, unit_rows


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library with parts, a tail, removed segments and a failure."""
    folder = tmp_path_factory.mktemp("damaged") / "library"
    library = make_library(folder, num_videos=12, num_segments=6)
    with library, library.lease() as writer:
        writer.publish()
        writer.remove_video(library.videos(limit=1)[0].video_id)
        put(writer, "/later.mp4", unit_rows(5, seed=77))
        writer.put_failure(file_version("/f.mp4", content_hash="aa"), reason="it is damaged")
    return folder


def damaged(content: bytes, seed: int) -> bytes:
    """Bits and bytes changed at a few places, or at many."""
    drawn = random.Random(seed)
    changed = bytearray(content)
    for _ in range(drawn.choice([1, 1, 3, 10, 60])):
        at = drawn.randrange(len(changed))
        if drawn.random() < 0.5:
            changed[at] ^= 1 << drawn.randrange(8)
        else:
            changed[at] = drawn.randrange(256)
    return bytes(changed)


def ask_everything(folder: Path) -> None:
    """Open a library and ask each question; those that end in a sentence stop no other."""
    with Library.open(folder) as library:
        for index in range(4):
            with ending_well():
                library.search(axis(index), fingerprint=MADE_BY, limit=20)
        with ending_well():
            library.status()
        with ending_well():
            library.failures()
        with ending_well():
            library.verify()
        with ending_well():
            for video in library.each_video():
                library.segments(video.video_id)
                library.embeddings(video.video_id)


@contextlib.contextmanager
def ending_well() -> Iterator[None]:
    """Let an answer and a sentence of ours pass, and nothing else."""
    with contextlib.suppress(CPDError):
        yield


def check(whole: Path, folder: Path, seeds: Iterable[int]) -> None:
    content = (whole / CATALOG_NAME).read_bytes()
    for seed in seeds:
        shutil.copytree(whole, folder / f"{seed}")
        (folder / f"{seed}" / CATALOG_NAME).write_bytes(damaged(content, seed))
        try:
            with ending_well():
                ask_everything(folder / f"{seed}")
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise


def test_a_few_damaged_catalogs_end_well(whole: Path, tmp_path: Path) -> None:
    check(whole, tmp_path, range(30))


@pytest.mark.slow
@pytest.mark.long_faults
@pytest.mark.parametrize("first", range(30, 630, 120))
def test_many_damaged_catalogs_end_well(whole: Path, tmp_path: Path, first: int) -> None:
    check(whole, tmp_path, range(first, first + 120))


def test_a_schema_that_is_no_text_is_told_as_damage(whole: Path, tmp_path: Path) -> None:
    """SQLite quotes the damaged bytes, and Python raised over its sentence."""
    shutil.copytree(whole, tmp_path / "library")
    content = (whole / CATALOG_NAME).read_bytes()
    assert content.count(b"TABLE videos") == 1
    broken = content.replace(b"TABLE videos", b"TAB\xffE vid\xffos")
    (tmp_path / "library" / CATALOG_NAME).write_bytes(broken)

    with pytest.raises(CPDError, match=r"catalog .* is damaged"):
        Library.open(tmp_path / "library")
