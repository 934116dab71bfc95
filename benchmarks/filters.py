"""How long the catalog takes to tell which videos a filter means.

    python benchmarks/filters.py                    100,000 videos; two minutes; into RESULTS.md
    python benchmarks/filters.py --videos 2000 --dry-run

The catalog alone, generated: each video has seven facts, stands in one of 20 collections, and every
third has a transcript of ten pieces. Wall-clock time of `matching_videos`, the best of some rounds
in one process, the file in the system's memory. `index` says whether SQLite searched by indexes
alone or looked at each video.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from rig.library_fill import SETTINGS
from rig.results import markdown_table, record
from sqlalchemy import Connection, insert, select

from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.filtering import condition_of, matching_videos
from index.catalog.tables import (
    CollectionRecord,
    CollectionVideoRecord,
    EmbeddedVideoRecord,
    FactRecord,
    TextRecord,
    VideoRecord,
)
from index.filters import Filter, parse_filter
from index.filters.folding import fold
from index.library.library import Library

FILTERS = (
    f"id:{77:032x}",
    "date=2024-05-01",
    "date=2024-05",
    "collection:c3",
    "meta.tags=tag777",
    "meta.rating>=5",
    "meta.camera:gopro",
    "meta.camera=gopro and meta.rating=5",
    "meta.tags=tag777 and collection:c3 and duration<60",
    "has:transcript",
    "not has:transcript",
    "has:title",
    "title~77",
    "duration<60",
    "size>990MB and width>=1920",
    "name~77",
    "folder:holiday",
    "folder:holiday and date>=2024-05-01 and duration<60 and meta.camera in (gopro, dji) "
    "and not has:transcript",
    "not meta.tags=tag777",
)


def main() -> None:
    """Fill a catalog, ask it everything and record what was measured."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="cpd-bench-") as folder:
        Library.create(Path(folder), SETTINGS).close()
        catalog = Catalog(Path(folder) / CATALOG_NAME)
        with catalog.write_transaction() as transaction:
            _fill(transaction.connection, options.videos)
        with catalog.read_transaction() as connection:
            rows = [_measured(connection, text, options.rounds) for text in FILTERS]
        catalog.close()
    table = markdown_table(["filter", "videos found", "index", "ms"], rows)
    record(
        f"Filters over {options.videos:,} videos",
        f"{table}\n\nThe best of {options.rounds} rounds each.",
        **({"results": None} if options.dry_run else {}),
    )


def _measured(connection: Connection, text: str, rounds: int) -> list[str]:
    filter = parse_filter(text)
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        numbers_N = matching_videos(connection, filter)
        best = min(best, time.perf_counter() - start)
    served = "no" if _looks_at_each_video(connection, filter) else "yes"
    row = [f"`{text}`", f"{len(numbers_N):,}", served, f"{best * 1000:.1f}"]
    print(row, flush=True)
    return row


def _looks_at_each_video(connection: Connection, filter: Filter) -> bool:
    query = select(VideoRecord.number).where(
        VideoRecord.state != "failed", condition_of(connection, filter.root)
    )
    options = {"render_postcompile": True}
    compiled = query.compile(connection.engine, compile_kwargs=options)
    values = tuple(compiled.params[name] for name in compiled.positiontup or ())
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values)
    return any(row.detail.startswith("SCAN videos") for row in plan)


def _fill(connection: Connection, num_videos: int) -> None:
    draw = random.Random(0)
    collections = [{"number": i, "name": f"c{i}", "created_at": 0.0} for i in range(1, 21)]
    connection.execute(insert(CollectionRecord), collections)
    numbers = range(1, num_videos + 1)
    tables: dict[Any, list[dict[str, Any]]] = {
        VideoRecord.__table__: [_video(number, draw) for number in numbers],
        CollectionVideoRecord: [
            {"collection_number": number % 20 + 1, "video_number": number} for number in numbers
        ],
        EmbeddedVideoRecord: [
            {"model_number": 1, "video_number": number, "num_segments": draw.randrange(1, 50)}
            for number in numbers
        ],
        FactRecord: [fact for number in numbers for fact in _facts(number, draw)],
        TextRecord: [
            {"video_number": number, "kind": kind, "body": "hello world"}
            for number in numbers
            for kind in ("name", *["transcript"] * (10 if number % 3 == 0 else 0))
        ],
    }
    for table, rows in tables.items():
        connection.execute(insert(table), rows)


def _video(number: int, draw: random.Random) -> dict[str, Any]:
    kind = "holiday" if number % 10 == 0 else "work"
    path = Path(f"/videos/{kind}/day {number % 100}/some clip {number}.mp4")
    return {
        "number": number,
        "video_id": f"{number:032x}",
        "path": path,
        "path_folded": fold(str(path)),
        "date": 1.7e9 + draw.random() * 3e7,
        "size_bytes": draw.randrange(10**9),
        "mtime_ns": 1,
        "content_hash": f"{number:064x}",
        "state": "indexed",
        "duration_seconds": draw.random() * 600,
        "fps": 25.0,
        "width": draw.choice([640, 1920, 3840]),
        "height": 1080,
        "rotation_degrees": 0,
        "sample_aspect_ratio": 1.0,
        "codec": draw.choice(["h264", "hevc"]),
        "container": "mov",
        "num_frames": 100,
        "has_audio": True,
        "added_at": 1.7e9 + number,
        "updated_at": 1.7e9,
        "generation": 1,
    }


def _facts(number: int, draw: random.Random) -> list[dict[str, Any]]:
    values: list[tuple[str, str, float | None]] = [
        ("camera", draw.choice(["gopro", "iphone", "dji", "canon"]), None),
        ("rating", str(rating := draw.randrange(1, 6)), rating),
        ("title", f"the title of clip {number}", None),
        ("date", "2023-11-14", 1.7e9 + number),
        ("gps.lat", str(latitude := draw.random() * 90), latitude),
        ("tags", f"tag{draw.randrange(1000)}", None),
        ("tags", f"tag{draw.randrange(10)}", None),
    ]
    return [
        {"video_number": number, "key": key, "text_folded": text, "number": as_number}
        for key, text, as_number in values
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry-run", action="store_true", help="only print")
    return parser.parse_args()


if __name__ == "__main__":
    main()
