"""Random videos that know what a filter can ask, in a catalog and as their twins."""

import random
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from index.catalog.tables import (
    CollectionRecord,
    CollectionVideoRecord,
    EmbeddedVideoRecord,
    FactRecord,
    RootRecord,
    TextRecord,
    VideoRecord,
)
from index.filters.folding import fold
from tests.index.catalog.filter_twin import TwinVideo, as_number, as_text, flat

FOLDERS = ("/videos/sea", "/videos/Sea/day 1", "/home/videos", "/videos/a%_b/day", "/sea/videos")
NAMES = ("1.mp4", "sea.MP4", "\u00dcber.mov", "u\u0308ber.mp4", "sea", "day")
COLLECTIONS = ("best", "worst")
ROOTS = ("home", "archive")
SECONDS = (1704067140.0, 1704067200.0, 1714514400.0, 1714521600.0, 1714607999.5, 1717200000.0, 60.0)
VALUES: tuple[Any, ...] = (
    "sea",
    "\u00fcber",
    "red CAR",
    "a\"b'\\",
    5,
    5.0,
    2.5,
    -3,
    60,
    True,
    False,
    "5",
    "2024-05-01",
    "2024-05",
)


def random_video(number: int, draw: random.Random) -> TwinVideo:
    """One of few words, so that conditions meet it."""
    is_indexed = draw.random() < 0.9
    text = lambda: draw.choice(["", "sea", "Red car", "\u00dcBER", "5"])  # noqa: E731
    document: dict[str, Any] = {}
    for key in ("title", "caption", "place"):
        if draw.random() < 0.5:
            document[key] = text()
    if draw.random() < 0.5:
        document["date"] = "2024-05-01"
    for key in ("camera", "shot by", "gpsx"):
        if draw.random() < 0.6:
            document[key] = draw.choice(VALUES)
    if draw.random() < 0.5:
        document["gps"] = {"lat": draw.choice(VALUES)}
    if draw.random() < 0.6:
        document["tags"] = draw.sample(VALUES, draw.randrange(7))
    fields = {
        "id": f"{number:032x}",
        "hash": draw.choice(["ab", "cd", "ef"]) * 32 if is_indexed else None,
        **{name: draw.choice(SECONDS) for name in ("date", "added", "updated")},
        "size": draw.choice([0, 1, 2, 60, 2000, 2048, 2_000_000]),
        "stale": draw.random() < 0.3,
        **{
            name: draw.choice([0.0, 1.0, 2.5, 60.0, 90.0, 120.0, None if not is_indexed else 2.0])
            for name in ("duration", "fps")
        },
        **{
            name: draw.choice([0, 1, 60, 90]) if is_indexed else None
            for name in ("width", "height", "frames", "rotation")
        },
        "codec": draw.choice(["h264", "hevc"]) if is_indexed else None,
        "container": draw.choice(["mov", "matroska"]) if is_indexed else None,
        "audio": draw.random() < 0.5 if is_indexed else None,
        "segments": draw.choice([None, 1, 2, 60]),
    }
    return TwinVideo(
        number=number,
        path=f"{draw.choice(FOLDERS)}/{number}/{draw.choice(NAMES)}",
        is_indexed=is_indexed,
        fields=fields,
        root=draw.choice([None, *ROOTS]),
        collections={name for name in COLLECTIONS if draw.random() < 0.4},
        document=document,
        num_transcripts=draw.choice([0, 0, 2]),
    )


def put_twins(connection: Connection, videos: list[TwinVideo]) -> None:
    """Write them into the empty catalog of a library with one model."""
    roots = {name: i for i, name in enumerate(ROOTS, start=1)}
    collections = {name: i for i, name in enumerate(COLLECTIONS, start=1)}
    rows: dict[Any, list[dict[str, Any]]] = {
        RootRecord: [{"number": i, "name": n, "path": Path(f"/{n}")} for n, i in roots.items()],
        CollectionRecord: [
            {"number": i, "name": n, "created_at": 0.0} for n, i in collections.items()
        ],
        VideoRecord.__table__: [video_row(video, roots) for video in videos],
        CollectionVideoRecord: [
            {"collection_number": collections[name], "video_number": video.number}
            for video in videos
            for name in video.collections
        ],
        EmbeddedVideoRecord: [
            {"model_number": 1, "video_number": video.number, "num_segments": count}
            for video in videos
            if (count := video.fields["segments"]) is not None
        ],
        FactRecord: [
            {
                "video_number": video.number,
                "key": key,
                "text_folded": fold(as_text(value)),
                "number": as_number(value),
            }
            for video in videos
            for key, value in flat(video.document)
        ],
        TextRecord: [
            {"video_number": video.number, "kind": kind, "body": "sea"}
            for video in videos
            for kind in ["name", *["transcript"] * video.num_transcripts]
        ],
    }
    for table, its_rows in rows.items():
        connection.execute(insert(table), its_rows)


def video_row(video: TwinVideo, roots: dict[str, int]) -> dict[str, Any]:
    fields = video.fields
    return {
        "number": video.number,
        "video_id": fields["id"],
        "path": Path(video.path),
        "path_folded": fold(video.path),
        "root_number": None if video.root is None else roots[video.root],
        "date": fields["date"],
        "size_bytes": fields["size"],
        "mtime_ns": 1,
        "content_hash": fields["hash"],
        "state": "indexed" if video.is_indexed else "failed",
        "reason": None if video.is_indexed else "damaged",
        "stale_reason": "damaged" if fields["stale"] else None,
        "stale_since": 1.0 if fields["stale"] else None,
        "duration_seconds": fields["duration"],
        "fps": fields["fps"],
        "width": fields["width"],
        "height": fields["height"],
        "rotation_degrees": fields["rotation"],
        "sample_aspect_ratio": 1.0,
        "codec": fields["codec"],
        "container": fields["container"],
        "num_frames": fields["frames"],
        "has_audio": fields["audio"],
        "added_at": fields["added"],
        "updated_at": fields["updated"],
        "generation": 1,
    }
