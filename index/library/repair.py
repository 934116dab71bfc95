"""Puts a library right: what follows from something else is made anew, the rest is named.

    the parts, and what killed runs left     follow from the catalog
    SQLite's own indexes, counts             follow from the catalog's tables
    vectors of a video in the catalog        follow from a part, where the checksum that was
                                             written with the video proves that they are the same
    rows of no video                         belong to nothing, and go

A video whose rows do not agree and cannot be made to is left as a failure with a reason: all others
are searched again at once, and an add of its path indexes it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.catalog.mending import drop_orphans, mend_video, rebuild_indexes, renew_generation
from index.catalog.parts import published_parts
from index.errors import LibraryCorruptError
from index.library.verify import SQLITE_SAYS, STRAY, UNLISTED, Difference, verify_library
from index.vectors.building import Shelf, all_shelves
from index.vectors.faiss_device import SearchDevice
from index.vectors.part_files import open_part
from index.vectors.publishing import damaged_parts, heal, publish

_RESTORE = (
    "restore catalog.sqlite3 from a backup, with catalog.sqlite3-wal and catalog.sqlite3-shm "
    "deleted first, or index the videos into a new folder: what this library holds of them cannot "
    "be made from anything else"
)


ORPHANS = ("belongs to no row of", STRAY)
"""In the sentences about rows that are nobody's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairReport:
    """What was made anew, and what nothing is left to make it from."""

    rebuilt: list[str] = field(default_factory=list)
    """A sentence for each thing."""

    index_again: list[Path] = field(default_factory=list)
    """Files of videos whose rows were damaged: an add of these paths brings them back."""

    left: list[str] = field(default_factory=list)
    """What `cpd index verify` still says, and what to do about it."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is lost and nothing is left."""
        return not self.index_again and not self.left

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name, paths as text."""
        return {
            "whole": self.is_whole,
            "rebuilt": self.rebuilt,
            "index_again": [str(path) for path in self.index_again],
            "left": self.left,
        }


def repair(shelf: Shelf) -> RepairReport:
    """Mend a library as far as that can be done, all its models; the caller holds the lease.

    Args:
        shelf: of any of its models.

    Raises:
        LibraryError: the disk is full, or the library was replaced by another.
    """
    report = RepairReport()
    try:
        _mend_catalog(shelf, report)
        left = [difference.sentence for difference in _mend_parts(shelf, report)]
    except LibraryCorruptError as error:
        left = [str(error)]
    report.left.extend(said if "restore" in said else f"{said}; {_RESTORE}" for said in left)
    return report


def _mend_catalog(shelf: Shelf, report: RepairReport) -> None:
    differences = verify_library(shelf.folder, shelf.catalog)
    if any(said.sentence.startswith(SQLITE_SAYS) for said in differences):
        with shelf.catalog.maintenance_transaction() as connection:
            rebuild_indexes(connection)
        after = verify_library(shelf.folder, shelf.catalog)
        if gone := len(set(differences) - set(after)):
            report.rebuilt.append(f"the catalog's own indexes, about which it said {gone} things")
        differences = after
    if any(said.sentence == UNLISTED for said in differences):
        with shelf.catalog.maintenance_transaction() as connection:
            renew_generation(connection)
        report.rebuilt.append("the catalog's generation")
    if any(words in said.sentence for said in differences for words in ORPHANS):
        with shelf.catalog.write_transaction() as transaction:
            num_rows = drop_orphans(transaction)
        report.rebuilt.append(f"removed {num_rows} rows that belonged to no video")
    of_model = {each.settings.model_number: each for each in all_shelves(shelf)}
    for video_id, number in _videos_of(differences):
        own = shelf if number is None else of_model.get(number, shelf)
        _mend_video(own, video_id, report)


def _videos_of(differences: list[Difference]) -> list[tuple[str, int | None]]:
    """Videos that do not agree, and the models whose rows of them those are."""
    named = ((said.video_id, said.model_number) for said in differences)
    return list(dict.fromkeys((video, model) for video, model in named if video is not None))


def _mend_video(shelf: Shelf, video_id: str, report: RepairReport) -> None:
    """Mend what one model has of a video."""
    with shelf.catalog.write_transaction() as transaction:
        mended = mend_video(
            transaction,
            video_id,
            settings=shelf.settings,
            rows_in_parts=lambda first, last: _rows_in_parts(shelf, first, last),
        )
    if mended is None:
        return
    done, path = mended
    if done == "given up":
        if path not in report.index_again:
            report.index_again.append(path)
    elif done == "taken out":
        report.left.append(
            f"the vectors of {path} by {shelf.settings.model} were damaged and are gone, those of "
            f"other models are there: `cpd index reembed --model {quote(shelf.settings.model)}` "
            f"makes them anew"
        )
    elif done == "vectors":
        report.rebuilt.append(f"the vectors of {path} in the catalog, from a part that holds them")
    else:
        report.rebuilt.append(f"the count of segments of {path}")


def _rows_in_parts(shelf: Shelf, first_id: int, last_id: int) -> NDArray[np.float16] | None:
    with shelf.catalog.read_transaction() as connection:
        listed = published_parts(connection, shelf.settings.segment_ids)
    for facts in listed:
        if facts.first_segment_id <= first_id and last_id <= facts.last_segment_id:
            try:
                part = open_part(shelf.folder, facts, device=SearchDevice("cpu", "to repair"))
                rows = part.rows_of(np.arange(first_id, last_id + 1))
                stored_SD = part.matrix.stored(rows)
            except LibraryCorruptError:
                return None
            return stored_SD if len(stored_SD) == last_id - first_id + 1 else None
    return None


def _mend_parts(shelf: Shelf, report: RepairReport) -> list[Difference]:
    """Make parts anew; what `verify` still says then."""
    shelves = all_shelves(shelf)
    for own in shelves:
        for name in damaged_parts(own, read_all=True):
            if heal(own, name):
                report.rebuilt.append(f"part {name[:8]}, which was damaged or missing")
        if publish(own):  # which takes away what killed runs left
            report.rebuilt.append("a part of what no part held yet")
    differences = verify_library(shelf.folder, shelf.catalog)
    differing = dict.fromkeys(said.part for said in differences if said.part is not None)
    if not differing:
        return differences
    for name in differing:
        if any(heal(own, name) for own in shelves):
            report.rebuilt.append(f"part {name[:8]}, which differed from the catalog")
    return verify_library(shelf.folder, shelf.catalog)
