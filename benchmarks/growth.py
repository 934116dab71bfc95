"""What a library costs as it grows: opening, searching, adding, publishing, verifying, deleting.

    python benchmarks/growth.py                     2k, 20k, 200k and 1M segments; into RESULTS.md
    python benchmarks/growth.py --segments 2000 --dry-run

Each size is a library of generated videos (`rig.generated_vectors`) of 50 windows each. Filling,
reading, writing, verifying and deleting are processes of their own, so that one's memory is not
counted as another's. The files lie in the page cache, as those of a library in use do.

Wall time suffers from whatever else runs on the machine, so short steps are repeated and their
medians told, and processor time stands beside them in brackets.

Axes: S segments of one video, D dimensions.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rig.asked_library import SHARES, equip, name_of, words
from rig.generated_vectors import WINDOWS_A_VIDEO, VectorSpace
from rig.library_fill import SETTINGS, fill, put
from rig.process_tree import Cost, measured, peak_bytes, private_bytes
from rig.results import markdown_table, record

from cpd_model.encoder import Vectors
from index.library.library import Library
from index.search.moments import Hits

SIZES = [2_000, 20_000, 200_000, 1_000_000]
SEARCHES = 50
DEEP_SEARCHES = 5
COMMITS = 9
PUBLISHES = 5
DEEP = 10_000
"""How many hits come before the page that is asked for far down."""
PAGE = 1_000
"""Hits of each page on the way there."""
NEW_VIDEOS = 10
"""Of one publish."""


class Step(NamedTuple):
    """What one step took: medians where it was repeated."""

    wall_seconds: float
    cpu_seconds: float

    def __str__(self) -> str:
        return f"{_told(self.wall_seconds)} ({_told(self.cpu_seconds)})"


def main() -> None:
    """Measure every size and record the table."""
    options = _options()
    columns = [_measure(num_segments) for num_segments in options.segments]
    header = ["", *(f"{number:,}" for number in options.segments)]
    rows = [[name, *(str(column[name]) for column in columns)] for name in columns[0]]
    note = (
        f"Videos of {WINDOWS_A_VIDEO} segments, {SETTINGS.embed_dim} dimensions. Wall time, "
        f"processor time in brackets; medians of {SEARCHES} searches, {COMMITS} commits, "
        f"{PUBLISHES} publishes. Memory: mapped pages of files are told apart, since the system "
        "takes those back when it needs them."
    )
    title = "Growth of a library" + (f": {options.note}" if options.note else "")
    record(
        title,
        f"{note}\n\n{markdown_table(header, rows)}",
        **({"results": None} if options.dry_run else {}),
    )


def _measure(num_segments: int) -> dict[str, str]:
    """Every step of one size, by its name in the table."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="cpd-growth-", ignore_cleanup_errors=True) as folder:
        library = Path(folder) / "library"
        for process in (_fill, _read, _ask, _write, _verify, _delete):
            print(f"measuring: {num_segments:,} segments, {process.__name__[1:]}", flush=True)
            found |= _alone(process, library, num_segments // WINDOWS_A_VIDEO)
    return found


def _alone(process: Callable[[Path, int], dict[str, str]], *arguments: object) -> dict[str, str]:
    """Run a step in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(process, *arguments).result()


def _fill(folder: Path, num_videos: int) -> dict[str, str]:
    fill(folder, num_videos)
    before = private_bytes()
    with Library.open(folder) as library, library.writer() as writer, measured() as publishing:
        writer.publish()
    num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "first publish": str(Step(publishing.seconds, publishing.cpu_seconds)),
        "first publish, peak private MB": _megabytes(publishing, before),
        "on the disk, bytes a segment": f"{num_bytes / (num_videos * WINDOWS_A_VIDEO):.0f}",
    }


def _read(folder: Path, num_videos: int) -> dict[str, str]:
    queries_QD = VectorSpace().queries(SEARCHES)
    before = private_bytes()
    with Library.open(folder) as library:
        opening = _timed(library.prepare)
        first = _timed(lambda: _search(library, queries_QD[0]))
        moments = _median([_timed(lambda q=q: _search(library, q)) for q in queries_QD])
        raw = _median([_timed(lambda q=q: _search(library, q, merge=False)) for q in queries_QD])
        private = private_bytes() - before
    return {
        "open": str(opening),
        "first search": str(first),
        "search, 10 moments": str(moments),
        "search, 10 windows": str(raw),
        "memory of the open library, private MB": f"{private / 1e6:.0f}",
        "peak of a reader, mapped files too, MB": f"{peak_bytes() / 1e6:.0f}",
    }


def _ask(folder: Path, num_videos: int) -> dict[str, str]:
    """Searches of a part of the videos, with texts, and far down, beside a plain one.

    A filter is asked about for the first time in its own row: then it is remembered.
    """
    equip(folder)
    queries_QD = VectorSpace().queries(SEARCHES)
    found: dict[str, str] = {}
    with Library.open(folder) as library:
        library.prepare()

        def median(**options: Any) -> str:
            steps = [_timed(lambda q=q: _asked(library, q, **options)) for q in queries_QD]
            return str(_median(steps))

        found["plain search beside these, 10 moments"] = median()
        for share in SHARES:
            options = {"where": f"collection:'{name_of(share)}'"}
            first = _timed(lambda o=options: _asked(library, queries_QD[0], **o))
            found[f"in {share:g} of the videos, first"] = str(first)
            found[f"in {share:g} of the videos"] = median(**options)
        hybrid = [
            _timed(lambda n=n, q=q: _asked(library, q, words=words(n), text_weight=0.5))
            for n, q in enumerate(queries_QD)
        ]
        found["hybrid, 10 hits"] = str(_median(hybrid))
    for merge, what in ((True, "moments"), (False, "windows")):
        found |= _deep_pages(folder, queries_QD[:DEEP_SEARCHES], merge=merge, what=what)
    return found


def _deep_pages(folder: Path, queries_QD: Vectors, *, merge: bool, what: str) -> dict[str, str]:
    """A page of 50 far down: the next of a reader's pages, and of a process that starts there."""
    first, following, fresh = [], [], []
    with Library.open(folder) as library, Library.open(folder) as elsewhere:
        library.prepare()
        elsewhere.prepare()
        for query_D in queries_QD:
            here = partial(_asked, library, query_D, merge=merge)
            there = partial(_asked, elsewhere, query_D, merge=merge, limit=50)
            first.append(_timed(lambda ask=here: ask(limit=50)))
            cursor = here(limit=PAGE).cursor
            for _ in range(DEEP // PAGE - 1):
                cursor = cursor and here(limit=PAGE, cursor=cursor).cursor
            if cursor is None:
                break
            following.append(_timed(lambda ask=here, c=cursor: ask(limit=50, cursor=c)))
            fresh.append(_timed(lambda ask=there, c=cursor: ask(cursor=c)))
    return {
        f"50 {what}, first page": str(_median(first)),
        f"50 {what} after {DEEP:,}, next page": str(_median(following)) if following else "-",
        f"50 {what} after {DEEP:,}, started there": str(_median(fresh)) if fresh else "-",
    }


def _write(folder: Path, num_videos: int) -> dict[str, str]:
    """Commits beside an open reader, which finds what was added with its next search."""
    queries_QD = VectorSpace().queries(COMMITS)
    puts, searches, publishes = [], [], []
    number = num_videos
    with Library.open(folder) as library, library.writer() as writer:
        library.prepare()
        for query_D in queries_QD:
            video = VectorSpace().video(number)
            puts.append(_timed(lambda n=number, v=video: put(writer, n, v)))
            searches.append(_timed(lambda q=query_D: _search(library, q)))
            number += 1
        for _ in range(PUBLISHES):
            for _ in range(NEW_VIDEOS):
                put(writer, number, VectorSpace().video(number))
                number += 1
            publishes.append(_timed(writer.publish))
            _search(library, queries_QD[0])
    return {
        "put one video": str(_median(puts)),
        "first search after a commit": str(_median(searches)),
        f"publish of {NEW_VIDEOS} new videos": str(_median(publishes)),
    }


def _verify(folder: Path, _: int) -> dict[str, str]:
    with Library.open(folder) as library:
        before = private_bytes()
        with measured() as cost:
            differences = library.verify()
    if differences:
        raise SystemExit(f"growth: the library that was made is damaged: {differences[0]}")
    return {
        "verify": str(Step(cost.seconds, cost.cpu_seconds)),
        "verify, peak private MB": _megabytes(cost, before),
    }


def _delete(folder: Path, num_videos: int) -> dict[str, str]:
    """Every tenth video, with a reader that looks again afterwards; then compaction."""
    queries_QD = VectorSpace().queries(SEARCHES)
    with Library.open(folder) as library, library.writer() as writer:
        library.prepare()
        doomed = [video.video_id for video in library.each_video()][::10]
        removing = _timed(lambda: [writer.remove_video(video_id) for video_id in doomed])
        after = _timed(lambda: _search(library, queries_QD[0]))
        before = private_bytes()
        with measured() as compacting:
            writer.compact(whole=True)
        moments = _median([_timed(lambda q=q: _search(library, q)) for q in queries_QD])
    return {
        "delete 10 %, each video": _told(removing.wall_seconds / len(doomed)),
        "first search after it": str(after),
        "compaction": str(Step(compacting.seconds, compacting.cpu_seconds)),
        "compaction, peak private MB": _megabytes(compacting, before),
        "search after compaction, 10 moments": str(moments),
    }


def _search(library: Library, query_D: Vectors, *, merge: bool = True) -> None:
    library.search(query_D, fingerprint=SETTINGS.fingerprint, limit=10, merge=merge)


def _asked(library: Library, query_D: Vectors, **options: Any) -> Hits:
    return library.search(query_D, fingerprint=SETTINGS.fingerprint, **options)


def _timed(work: Callable[[], object]) -> Step:
    """One run; processor time is that of all threads of this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Step(time.perf_counter() - wall, time.process_time() - cpu)


def _median(steps: Sequence[Step]) -> Step:
    return Step(*(statistics.median(values) for values in zip(*steps, strict=True)))


def _megabytes(cost: Cost, before: int) -> str:
    """How much private memory a step took at its highest beside what was there before."""
    return f"{max(0, cost.peak_private_bytes - before) / 1e6:.0f}"


def _told(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--segments", type=int, nargs="+", default=SIZES)
    parser.add_argument("--note", default="", help="what the title says besides")
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
