"""Which videos of a library the files of a run are, by their bytes, whatever they are called now.

All files of a run are looked at together: a video whose old path holds other bytes by now has
moved too, so that names may change in a chain (b -> c, a -> b) or a ring (a <-> b).
"""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from index.catalog.records import VideoRow
from index.ingest.outcomes import HashedVideo


class KnownContent(NamedTuple):
    """What files mean for the videos whose bytes they hold."""

    in_place: dict[str, HashedVideo]
    """By video_id: the file stands where the library has it."""

    moved: dict[str, HashedVideo]
    """By video_id: the file is where the video is now."""

    copies: list[tuple[str, HashedVideo]]
    """A file and the video_id of one with the same bytes, which stays where it is."""

    unknown: list[HashedVideo]
    """Files whose bytes no video has, or none with vectors of the model that answers."""


def match_content(
    files: Sequence[HashedVideo], rows_with: Callable[[str], Sequence[VideoRow]]
) -> KnownContent:
    """Match files with videos by their bytes; of equal ones, in the order of their paths.

    Args:
        files: all those of one run that may hold a known video, each path once.
        rows_with: the indexed videos whose file had this content hash.
    """
    known = KnownContent({}, {}, [], [])
    hashes = {file.path: file.content_hash for file in files}
    files_of = defaultdict(list)
    for file in sorted(files, key=lambda file: file.path):
        files_of[file.content_hash].append(file)
    for content_hash, places in files_of.items():
        rows = sorted(rows_with(content_hash), key=lambda row: row.path)
        if not rows:
            known.unknown.extend(places)
            continue
        id_at = {row.path: row.video_id for row in rows}
        known.in_place.update({id_at[file.path]: file for file in places if file.path in id_at})
        new = [file for file in places if file.path not in id_at]
        left = [row.video_id for row in rows if _has_left(row, hashes)]
        known.moved.update(zip(left, new, strict=False))
        copied = [row.video_id for row in rows if row.num_segments]  # by the model that answers
        if copied:
            known.copies.extend((copied[0], file) for file in new[len(left) :])
        else:
            known.unknown.extend(new[len(left) :])
    return known


def _has_left(row: VideoRow, hashes: dict[Path, str]) -> bool:
    """Whether the path of a video holds it no more; False where that cannot be told."""
    if row.path in hashes:
        return hashes[row.path] != row.content_hash
    try:
        return os.stat(row.path).st_size != row.size_bytes
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
