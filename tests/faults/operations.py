"""What the faults strike: each step that changes a library, from the same beginning every time.

Vectors are drawn by seed, so what a library holds is a dictionary from path to seed, and a state
that was never meant to be is told from those that were.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cpd_model.encoder import Vectors
from index.catalog import removal
from index.catalog.embeddings import to_unit
from index.exchange.exporting import export_library
from index.exchange.importing import import_tables
from index.exchange.merging import merge_libraries
from index.filters import parse_filter
from index.library.library import Library
from index.library.model_building import begin_building, finish_building, videos_lacking
from index.library.writer import LibraryWriter
from tests.index.first_library import make_first_library
from tests.index.libraries import SETTINGS, file_version, flip_a_bit, put, unit_rows, windows

State = dict[str, int]
"""What a library holds: the seed of each path's vectors."""

Window = tuple[str, float, float]
"""Path, start and score."""

NUM_SEGMENTS = 3
FULL: State = {"/0.mp4": 0, "/1.mp4": 1, "/3.mp4": 3, "/4.mp4": 4}
"""Of `make_full`; /2.mp4 was removed from the first part, /4.mp4 is in none."""
THEN: State = {"/0.mp4": 0, "/7.mp4": 7}
"""Of the snapshot of `make_kept`."""
LATER: State = {"/0.mp4": 1, "/7.mp4": 7, "/8.mp4": 8}
"""Of `make_kept` itself."""

ORDER = (0, 3, 1, 4)
"""In which the seeds of FULL were put, which is the order of their videos' numbers."""

ROOTED: State = {f"/old{path}": seed for path, seed in FULL.items()}
"""Of `make_rooted`."""


SECOND = replace(SETTINGS, model="second", fingerprint="5e" * 32)
"""Of a second model for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """A step, and the states that a library may be in while it is taken."""

    prepare: Callable[[Path], object]
    """Makes the library of a folder in which the step begins."""
    run: Callable[[Path], object]
    """Takes the step; taken again after it was broken off, it finishes."""
    states: tuple[State, ...]
    """From the first to the last."""


def run(name: str, folder: Path | str) -> None:
    """Take a step in a library's folder."""
    OPERATIONS[name].run(Path(folder))


def put_seed(writer: LibraryWriter, path: str, seed: int) -> str:
    """Put a video whose vectors are drawn by a seed; its id."""
    return put(writer, path, unit_rows(NUM_SEGMENTS, seed=seed))


def held(library: Library) -> State:
    """What a library's catalog holds; seed -1 for vectors that no seed drew."""
    seeds = {_as_stored(seed).tobytes(): seed for seed in range(40)}
    return {
        str(row.path): seeds.get(library.embeddings(row.video_id).tobytes(), -1)
        for row in library.videos(limit=1000)
    }


def answer(state: Mapping[str, int], query_seed: int) -> list[Window]:
    """What a search for a seed's vector has to find: path, start and score of all windows."""
    query_D = unit_rows(1, seed=query_seed)[0]
    windows = [
        (path, 2.0 * i, float(score))
        for path, seed in state.items()
        for i, score in enumerate(_as_stored(seed) @ query_D)
    ]
    return sorted(windows, key=lambda window: -window[2])


def found(library: Library, query_seed: int) -> list[Window]:
    """The same from the library."""
    query_D = unit_rows(1, seed=query_seed)[0]
    model = library.settings.fingerprint
    hits = library.search(query_D, fingerprint=model, limit=1000, merge=False)
    return [(str(hit.path), hit.start_seconds, hit.score) for hit in hits]


def agree(found: list[Window], expected: list[Window]) -> bool:
    """Whether what was found is what was expected, to rounding; equal scores in any order."""
    scores = {window[:2]: window[2] for window in found}
    right = {window[:2]: window[2] for window in expected}
    in_order = [window[2] for window in found]
    return (
        len(found) == len(expected)
        and scores.keys() == right.keys()
        and all(abs(score - right[window]) < 1e-5 for window, score in scores.items())
        and in_order == sorted(in_order, reverse=True)
    )


def _as_stored(seed: int) -> Vectors:
    """The vectors of a seed, rounded as the catalog keeps them."""
    return to_unit(unit_rows(NUM_SEGMENTS, seed=seed).astype(np.float16))


def make_full(folder: Path) -> None:
    """A library of two parts, one row of which is gone, and of a video that is in neither."""
    with Library.create(folder, SETTINGS) as library, library.writer() as writer:
        # The second part is larger than the first, or the publish would write both as one.
        put_seed(writer, "/0.mp4", 0)
        gone = put_seed(writer, "/2.mp4", 2)
        put_seed(writer, "/3.mp4", 3)
        writer.publish()
        put_seed(writer, "/1.mp4", 1)
        writer.publish()
        put_seed(writer, "/4.mp4", 4)
        writer.remove_video(gone)


def make_rooted(folder: Path) -> None:
    """The videos of `make_full` in a root /old, one of them in a collection; no file is there."""
    make_full(folder)
    with Library.open(folder) as library, library.writer() as writer:
        for row in library.videos(limit=99):
            writer.move_video(row.video_id, file_version(f"/old{row.path}"))
        library.roots.set("films", "/old", even_if_missing=True)
        library.collections.create("c")
        library.collections.add("c", "/old/0.mp4")


def make_damaged(folder: Path) -> None:
    """The same, of which one part is damaged and another is gone."""
    make_full(folder)
    matrices = sorted(folder.glob("parts/*/vectors.faiss"), key=lambda file: -file.stat().st_size)
    flip_a_bit(matrices[0])
    matrices[1].with_name("rows.bin").unlink()


def make_first(folder: Path) -> None:
    """A library as the first schema kept it."""
    folder.mkdir()
    make_first_library(folder, unit_rows(NUM_SEGMENTS, seed=5))


def _add(folder: Path) -> None:
    """What an add does once the videos are decoded."""
    with Library.open(folder) as library, library.lease() as writer:
        put_seed(writer, "/5.mp4", 5)
        put_seed(writer, "/6.mp4", 6)
        writer.publish()
        writer.compact()


def _merge(folder: Path) -> None:
    """Two videos come, and one that is there."""
    with tempfile.TemporaryDirectory() as place:
        with Library.create(Path(place) / "lib", SETTINGS) as library, library.writer() as writer:
            put_seed(writer, "/5.mp4", 5)
            put_seed(writer, "/6.mp4", 6)
            put_seed(writer, "/0.mp4", 0)
        merge_libraries(folder, [Path(place) / "lib"])


def _import(folder: Path) -> None:
    """The same from a table."""
    with tempfile.TemporaryDirectory() as place:
        with Library.create(Path(place) / "lib", SETTINGS) as library:
            with library.writer() as writer:
                put_seed(writer, "/5.mp4", 5)
                put_seed(writer, "/6.mp4", 6)
                put_seed(writer, "/0.mp4", 0)
            export_library(library, Path(place) / "table.parquet")
        import_tables([Path(place) / "table.parquet"], folder)


def _update(folder: Path) -> None:
    with Library.open(folder) as library, library.writer() as writer:
        put_seed(writer, "/0.mp4", 7)


def _remove(folder: Path) -> None:
    with Library.open(folder) as library, library.writer() as writer:
        known = writer.find_at("/0.mp4")
        if known is not None:
            writer.remove_video(known.video_id)


def _remove_many(folder: Path) -> None:
    """By a filter, a video a transaction."""
    with one_a_transaction(), Library.open(folder) as library:
        library.remove(parse_filter("not name:4.mp4"))


def _prune(folder: Path) -> None:
    with one_a_transaction(), Library.open(folder) as library:
        library.prune(even_if_gone=True)


@contextlib.contextmanager
def one_a_transaction() -> Iterator[None]:
    """Let each removed video be a transaction of its own."""
    before = removal.MOST_VIDEOS
    removal.MOST_VIDEOS = 1
    try:
        yield
    finally:
        removal.MOST_VIDEOS = before


def _set_root(folder: Path) -> None:
    with Library.open(folder) as library:
        library.roots.set("films", "/new/place", even_if_missing=True)


def _publish(folder: Path) -> None:
    with Library.open(folder) as library, library.writer() as writer:
        writer.publish()


def _repair(folder: Path) -> None:
    with Library.open(folder) as library, library.writer() as writer:
        writer.repair()


def _compact(folder: Path) -> None:
    with Library.open(folder) as library, library.writer() as writer:
        writer.compact(whole=True)


def _migrate(folder: Path) -> None:
    Library.open(folder).close()


def make_kept(folder: Path) -> None:
    """A library of which a snapshot `then` was kept, when it held less."""
    with Library.create(folder, SETTINGS) as library, library.writer() as writer:
        put_seed(writer, "/0.mp4", 0)
        put_seed(writer, "/7.mp4", 7)
        writer.publish()
        library.snapshots.create("then")
        put_seed(writer, "/0.mp4", 1)
        put_seed(writer, "/8.mp4", 8)
        writer.publish()
        writer.compact(whole=True)


def _keep(folder: Path) -> None:
    with Library.open(folder) as library:
        library.snapshots.create(None)


def _restore(folder: Path) -> None:
    with Library.open(folder) as library:
        library.snapshots.restore("then")


def _drop(folder: Path) -> None:
    with Library.open(folder) as library:
        for snapshot in library.snapshots.list():
            library.snapshots.drop(snapshot.name)


def make_one_of_a_content(folder: Path) -> None:
    """A library whose videos differ, two of them in a part."""
    with Library.create(folder, SETTINGS) as library, library.writer() as writer:
        for path, seed in FULL.items():
            content_hash = f"{seed:064x}"
            put(writer, path, unit_rows(NUM_SEGMENTS, seed=seed), content_hash=content_hash)
            if seed == 1:
                writer.publish()


def make_second(folder: Path) -> None:
    """The same with a second model, of which a video is in no part."""
    make_one_of_a_content(folder)
    _reembed(folder)


def _reembed(folder: Path) -> None:
    """What a reembed does once the videos are decoded."""
    with Library.open(folder) as library, library.lease() as writer:
        model = begin_building(library.catalog, SECOND)
        for video in videos_lacking(library.catalog, model):
            assert video.content_hash is not None
            writer.put_vectors(
                video.content_hash,
                segments=windows(NUM_SEGMENTS),
                embeddings_SD=unit_rows(NUM_SEGMENTS, seed=20 + int(video.content_hash, 16)),
                model=model,
            )
        writer.publish()
        writer.compact()
        finish_building(library.catalog, model)


def _switch(folder: Path) -> None:
    with Library.open(folder) as library:
        library.models.switch("second")


def _drop_model(folder: Path) -> None:
    with Library.open(folder) as library:
        if len(library.models.list()) > 1:
            library.models.drop("second")


def _create(folder: Path) -> None:
    Library.create(folder, SETTINGS).close()


def _without(state: State, num_gone: int) -> State:
    """What is left when so many are removed, in the order in which they were added."""
    return dict(sorted(state.items(), key=lambda item: ORDER.index(item[1]))[num_gone:])


OPERATIONS = {
    "create": Operation(prepare=Path.mkdir, run=_create, states=({},)),
    "add": Operation(
        prepare=make_full,
        run=_add,
        states=(FULL, FULL | {"/5.mp4": 5}, FULL | {"/5.mp4": 5, "/6.mp4": 6}),
    ),
    "import": Operation(
        prepare=make_full,
        run=_import,
        states=(FULL, FULL | {"/5.mp4": 5}, FULL | {"/5.mp4": 5, "/6.mp4": 6}),
    ),
    "merge": Operation(
        prepare=make_full,
        run=_merge,
        states=(FULL, FULL | {"/5.mp4": 5}, FULL | {"/5.mp4": 5, "/6.mp4": 6}),
    ),
    "update": Operation(prepare=make_full, run=_update, states=(FULL, FULL | {"/0.mp4": 7})),
    "remove": Operation(
        prepare=make_full,
        run=_remove,
        states=(FULL, {path: seed for path, seed in FULL.items() if path != "/0.mp4"}),
    ),
    "remove many": Operation(
        prepare=make_full,
        run=_remove_many,
        states=tuple(_without(FULL, num_gone) for num_gone in range(4)),
    ),
    "prune": Operation(
        prepare=make_rooted,
        run=_prune,
        states=tuple(_without(ROOTED, num_gone) for num_gone in range(5)),
    ),
    "set root": Operation(
        prepare=make_rooted,
        run=_set_root,
        states=(ROOTED, {f"/new/place{path}": seed for path, seed in FULL.items()}),
    ),
    "publish": Operation(prepare=make_full, run=_publish, states=(FULL,)),
    "compact": Operation(prepare=make_full, run=_compact, states=(FULL,)),
    "repair": Operation(prepare=make_damaged, run=_repair, states=(FULL,)),
    "snapshot": Operation(prepare=make_full, run=_keep, states=(FULL,)),
    "restore": Operation(prepare=make_kept, run=_restore, states=(LATER, THEN)),
    "drop": Operation(prepare=make_kept, run=_drop, states=(LATER,)),
    "reembed": Operation(prepare=make_one_of_a_content, run=_reembed, states=(FULL,)),
    "switch": Operation(
        prepare=make_second,
        run=_switch,
        states=(FULL, {path: 20 + seed for path, seed in FULL.items()}),
    ),
    "drop model": Operation(prepare=make_second, run=_drop_model, states=(FULL,)),
    "migrate": Operation(prepare=make_first, run=_migrate, states=({"/a.mp4": 5},)),
}
