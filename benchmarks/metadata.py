"""What it costs to say something of many videos, and to find them by it.

    python benchmarks/metadata.py                   100,000 videos; into RESULTS.md
    python benchmarks/metadata.py --videos 2000 --dry-run

A library of made-up videos gets a document a video from a list (.jsonl), of
seven values with a title and a caption of ten words, as `cpd index meta set --from` reads it. Then
one value is set on all that a filter means, and videos are asked for by words.

Wall time suffers from whatever else runs on the machine; processor time stands beside it.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rig.library_fill import fill_without_vectors
from rig.results import markdown_table, record

from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.texts import search_texts
from index.filters.filter import parse_filter
from index.library.library import Library
from index.library.metadata_lists import read_metadata_list

VOCABULARY = 20_000
"""Words of captions; the n-th is said 1/n as often as the first, as in real texts."""

SEARCHES = 20


def main() -> None:
    """Measure each step and record the table."""
    parser = argparse.ArgumentParser(description="what metadata of many videos costs")
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--dry-run", action="store_true", help="print, record nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cpd-metadata-") as folder:
        rows = _measure(Path(folder), options.videos)
    note = (
        f"{options.videos:,} videos, each with a document of seven values, title and caption among "
        f"them. Processor time in brackets; searches: means of {SEARCHES}."
    )
    record(
        "Metadata of many videos",
        f"{note}\n\n{markdown_table(['step', 'time'], rows)}",
        **({"results": None} if options.dry_run else {}),
    )


def _measure(folder: Path, num_videos: int) -> list[list[str]]:
    fill_without_vectors(folder / "library", num_videos)
    listed = _write_list(folder / "list.jsonl", num_videos)
    rows: list[list[str]] = []

    def step(name: str, work: Callable[[], object], *, times: int = 1) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(times):
            work()
        wall, cpu = (time.perf_counter() - wall) / times, (time.process_time() - cpu) / times
        unit, factor = ("s", 1) if wall > 1 else ("ms", 1000)
        rows.append([name, f"{wall * factor:.1f} {unit} ({cpu * factor:.1f})"])

    catalog = Catalog(folder / "library" / CATALOG_NAME)
    with Library.open(folder / "library") as library:
        metadata, half = library.metadata, parse_filter("meta.number<0.5")
        step("set all from a list", lambda: metadata.set_each(read_metadata_list(listed)))
        step("set all again", lambda: metadata.set_each(read_metadata_list(listed)))
        step("set one key where a filter holds (half)", lambda: metadata.set(half, {"seen": True}))
        step("take it back", lambda: metadata.unset(half, ["seen"]))
        step("get one", lambda: metadata.get("/videos/7.mp4"), times=SEARCHES)
        for words in ("word700", "word5 word40 word9000", "word0 word1 word700"):
            step(f"search `{words}`", partial(_search, catalog, words), times=SEARCHES)
    catalog.close()
    return rows


def _search(catalog: Catalog, words: str) -> None:
    with catalog.read_transaction() as connection:
        search_texts(connection, words, limit=100)


def _write_list(path: Path, num_videos: int) -> Path:
    dice = random.Random(7)
    words = [f"word{number}" for number in range(VOCABULARY)]
    weights = [1 / (number + 1) for number in range(VOCABULARY)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(num_videos):
            said = dice.choices(words, weights, k=13)
            document = {
                "path": f"/videos/{number}.mp4",
                "title": " ".join(said[:3]),
                "caption": " ".join(said[3:]),
                "date": f"20{number % 25:02d}-{number % 12 + 1:02d}-01",
                "camera": said[0],
                "number": dice.random(),
                "gps": {"lat": dice.uniform(-90, 90), "lon": dice.uniform(-180, 180)},
            }
            file.write(json.dumps(document) + "\n")
    return path


if __name__ == "__main__":
    main()
