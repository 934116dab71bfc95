"""Merges all parts of a library into one, as somebody asked for: `cpd index compact`."""

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from index.vectors.kinds import IndexKind

if TYPE_CHECKING:
    from index.catalog.records import PartStatus
    from index.library.library import Library


@dataclass(frozen=True, kw_only=True, slots=True)
class CompactReport:
    """What a compaction found and what it left."""

    parts_before: int
    parts_after: int
    """1, or 0 where the library holds no segment."""

    cleared: int
    """Removed segments whose room was given back."""

    rows: int
    """Segments in the part."""

    kind: str | None
    """`exact` or `ivf`; None where there is no part."""

    recall: float | None
    """As it was measured; None where the search is exact."""

    seconds: float

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the fields by name."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def compact_library(
    library: "Library", *, index_kind: IndexKind = "auto", wait_seconds: float = 0
) -> CompactReport:
    """Bring all segments into one part, without the removed ones.

    Searching goes on meanwhile, and so do short changes.

    Args:
        index_kind: `auto` takes what suits the size; a kind that is asked for is built whatever
            its recall.
        wait_seconds: how long to wait for an add, or another long run, to end.

    Raises:
        LibraryBusyError: another run has the lease.
        LibraryError: the disk is full, or the library is read-only here; what was there still is.
    """
    started = time.monotonic()
    with library.lease(wait_seconds=wait_seconds) as writer:
        before = library.parts()
        # What is newer is merged at once, so it needs no approximate index of its own.
        writer.publish(index_kind="exact")
        writer.compact(index_kind=index_kind, whole=True)
        after = library.parts()
    return _report(before, after, seconds=time.monotonic() - started)


def _report(
    before: "list[PartStatus]", after: "list[PartStatus]", *, seconds: float
) -> CompactReport:
    last = after[-1] if after else None
    removed_before, removed_after = (sum(p.removed for p in parts) for parts in (before, after))
    return CompactReport(
        parts_before=len(before),
        parts_after=len(after),
        cleared=max(0, removed_before - removed_after),
        rows=sum(part.rows for part in after),
        kind=last.kind if last else None,
        recall=last.recall if last else None,
        seconds=seconds,
    )
