"""A library whose parts are merged because somebody asked for it."""

import threading
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from index.catalog.records import LibrarySettings, PartStatus
from index.cli.options import KindOfIndex
from index.errors import LibraryBusyError
from index.library.compact import compact_library
from index.library.library import Library
from index.vectors import building, kinds
from tests.index.libraries import make_library, put, unit_rows
from tests.index.vectors.clustered import EMBED_DIM, clustered_rows

CLUSTERED = LibrarySettings(
    model="color", fingerprint="c0" * 32, embed_dim=EMBED_DIM, window_seconds=4, hop_seconds=2
)


def clustered_library(folder: Path, *, num_videos: int) -> Library:
    library = Library.create(folder, CLUSTERED)
    rows_ND = clustered_rows(num_videos * 50).astype(np.float32)
    with library.writer() as writer:
        for number, rows_SD in enumerate(np.split(rows_ND, num_videos)):
            put(writer, f"/{number}.mp4", rows_SD)
    return library


def test_the_words_of_the_command_are_those_of_the_index() -> None:
    assert get_args(KindOfIndex) == kinds.INDEX_KINDS


def test_all_parts_and_what_is_newer_become_one_without_removed_segments(tmp_path: Path) -> None:
    with make_library(tmp_path / "library", num_videos=2) as library:
        with library.writer() as writer:
            writer.publish()
            put(writer, "/newer.mp4", unit_rows(4, seed=9))
            writer.remove_video(library.videos(limit=1)[0].video_id)

        report = compact_library(library)

        assert (report.parts_before, report.parts_after, report.kind) == (1, 1, "exact")
        assert (report.rows, report.recall) == (3 + 4, None)
        assert library.status().part_list == [
            PartStatus(kind="exact", rows=7, removed=0, recall=None)
        ]
        assert library.status().tail_segments == 0
        assert library.verify() == []


def test_an_empty_library_has_nothing_to_merge(tmp_path: Path) -> None:
    with make_library(tmp_path / "library") as library:
        report = compact_library(library)

    assert (report.parts_after, report.rows, report.kind) == (0, 0, None)


def test_the_kind_can_be_chosen_and_changed_back(tmp_path: Path) -> None:
    with clustered_library(tmp_path / "library", num_videos=20) as library:
        approximate = compact_library(library, index_kind="ivf")
        with Library.open(library.folder) as reader:
            assert reader.status().recall == approximate.recall
        exact = compact_library(library, index_kind="exact")
        with Library.open(library.folder) as reader:
            assert reader.status().exact

    assert approximate.kind == "ivf"
    assert approximate.recall is not None
    assert (exact.kind, exact.recall, exact.rows) == ("exact", None, 1000)


def test_where_no_approximate_index_is_good_enough_it_ends_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for `auto`, it stays exact: what suits the size is not there, and never will be."""
    monkeypatch.setattr(kinds, "IVF_FROM_ROWS", 500)
    tuned = building.tune
    monkeypatch.setattr(
        building, "tune", lambda *given, **options: tuned(*given, **options)._replace(recall=0.5)
    )
    with clustered_library(tmp_path / "library", num_videos=20) as library:
        report = compact_library(library)

    assert report.kind == "exact"


def test_it_waits_for_its_turn_or_says_who_works(tmp_path: Path) -> None:
    with make_library(tmp_path / "library", num_videos=1) as library:
        with library.lease(), pytest.raises(LibraryBusyError, match="is being written by process"):
            compact_library(library)

        leased, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            with library.lease():
                leased.set()
                go_on.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        leased.wait(30)
        go_on.set()
        assert compact_library(library, wait_seconds=30).rows == 3
        holder.join()
