"""What merging windows into moments costs, against the raw search of the same library.

    python benchmarks/moments.py                three libraries; half a minute; into RESULTS.md
    python benchmarks/moments.py --shrink 20 --dry-run

Three libraries, generated, one search after the other on one core:

    steady    22 hours of a fixed camera, and 5 hours of something else: all windows of the camera
              score high, with noise, far above half-way between the library's mean and the best
    scenes    the camera alone, and what it sees changes slowly: windows score as their neighbours
    many      3,000 videos of 42 s

Both are whole searches of a library, with the paths of what they find. They take turns, and
processor time counts, so that the figures are the same beside other work; medians are compared.

Axes: S segments of one video, D dimensions.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rig.generated_vectors import EMBED_DIM
from rig.library_fill import SETTINGS, put
from rig.results import markdown_table, record

from cpd_model.encoder import Vectors
from index.library.library import Library

NOISE = 0.5
"""Of a window beside the scene that all windows of a fixed camera share, as lengths of vectors."""


class Case(NamedTuple):
    """A library, and the queries that it is asked."""

    name: str
    videos: list[Vectors]
    queries_QD: Vectors


class Times(NamedTuple):
    """Medians of one case and limit."""

    raw_ms: float
    merged_ms: float


def main() -> None:
    """Measure every library at every limit and record what was measured."""
    options = _options()
    header = ["library", "segments", "limit", "raw, CPU ms", "merged, CPU ms", "merged / raw"]
    rows = []
    for case in _cases(options.shrink):
        num_segments = sum(len(video_SD) for video_SD in case.videos)
        with tempfile.TemporaryDirectory(prefix="cpd-bench-") as folder:
            for limit, times in _measure(case, Path(folder), options.limits, options.rounds):
                ratio = f"{times.merged_ms / times.raw_ms:.1f}"
                figures = [f"{times.raw_ms:.1f}", f"{times.merged_ms:.1f}", ratio]
                rows.append([case.name, f"{num_segments:,}", str(limit), *figures])
                print(rows[-1], flush=True)
    record(
        f"Merging windows into moments{options.note and ', ' + options.note}",
        f"{markdown_table(header, rows)}\n\nMedians of {options.rounds} searches of each kind "
        "(aim: merged / raw <= 3 at limit 10).",
        **({"results": None} if options.dry_run else {}),
    )


def _cases(shrink: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    num_windows = 40_000 // shrink
    scene_D = _unit(rng.standard_normal(EMBED_DIM))
    near_scene_QD = _unit(scene_D + _noise(rng, 8))
    elsewhere_SD = _unit(_noise(rng, num_windows // 4) - scene_D)
    yield Case("steady", [_unit(scene_D + _noise(rng, num_windows)), elsewhere_SD], near_scene_QD)
    slow_SD = _smooth(_noise(rng, num_windows), num_windows=40)
    yield Case("scenes", [_unit(scene_D + slow_SD)], near_scene_QD)
    videos = [
        _unit(rng.standard_normal(EMBED_DIM) / EMBED_DIM**0.5 + _noise(rng, 20))
        for _ in range(3000 // shrink)
    ]
    yield Case("many", videos, _unit(rng.standard_normal((8, EMBED_DIM))))


def _noise(rng: np.random.Generator, num_rows: int) -> Vectors:
    rows_SD: Vectors = rng.standard_normal((num_rows, EMBED_DIM), dtype=np.float32)
    return rows_SD * np.float32(NOISE / EMBED_DIM**0.5)


def _smooth(rows_SD: Vectors, *, num_windows: int) -> Vectors:
    """A moving average that keeps the rows' lengths: what one window has its neighbours have."""
    sums_SD = np.cumsum(np.concatenate([rows_SD, rows_SD[:num_windows]]), axis=0, dtype=np.float64)
    averages_SD = (sums_SD[num_windows:] - sums_SD[:-num_windows]) / num_windows**0.5
    return averages_SD.astype(np.float32)


def _unit(rows_SD: Vectors) -> Vectors:
    norms = np.linalg.norm(rows_SD, axis=-1, keepdims=True)
    unit_SD: Vectors = (rows_SD / norms).astype(np.float32)
    return unit_SD


def _measure(
    case: Case, folder: Path, limits: list[int], rounds: int
) -> Iterator[tuple[int, Times]]:
    with Library.create(folder, SETTINGS) as library:
        _fill(library, case.videos)
        library.prepare()
        for limit in limits:
            raw, merged = [], []
            for i in range(rounds):
                query_D = case.queries_QD[i % len(case.queries_QD)]
                raw.append(_search_seconds(library, query_D, limit=limit, merge=False))
                merged.append(_search_seconds(library, query_D, limit=limit, merge=True))
            yield limit, Times(1e3 * statistics.median(raw), 1e3 * statistics.median(merged))


def _fill(library: Library, videos: list[Vectors]) -> None:
    with library.writer() as writer:
        for number, video_SD in enumerate(videos):
            put(writer, number, video_SD)
        writer.publish()


def _search_seconds(library: Library, query_D: Vectors, *, limit: int, merge: bool) -> float:
    began = time.thread_time()
    library.search(query_D, fingerprint=SETTINGS.fingerprint, limit=limit, merge=merge)
    return time.thread_time() - began


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--limits", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--rounds", type=int, default=24, help="searches of each kind")
    parser.add_argument("--shrink", type=int, default=1, help="libraries of so much smaller size")
    parser.add_argument("--note", default="", help="for the section's title: what is measured")
    parser.add_argument("--dry-run", action="store_true", help="print, do not append to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
