"""Video/text pairs: what training learns from, one row of the memory bank each."""

from collections.abc import Iterable
from pathlib import Path

from cpd_model.errors import InputError
from training.data.manifest import CAPTION, read_manifest
from training.data.pair import ManifestRow, Pair, TarMember

__all__ = ["CAPTION", "Pair", "TarMember", "read_pairs"]


def read_pairs(
    source: Path, *, split: str | None = None, caption_from: str = CAPTION
) -> list[Pair]:
    """Pairs from a list or a folder, in its order, each with all its captions.

    Rows of a split with one id, or without ids one path, are one pair; a video of two splits is
    two. Rows without a caption are left out.

    Args: see `training.data.manifest.read_manifest`, which says what a list is.

    Raises:
        InputError: as there; or no caption in it, one id for two videos, one video alone.
    """
    rows = read_manifest(source, split=split, caption_from=caption_from, needs_captions=True)
    pairs = [pair for pair in _collected(rows) if pair.captions]
    if not pairs:
        chosen = "" if split is None else f" of the split {split}"
        raise InputError(
            f"no row{chosen} in {source.name} has a caption; each video needs a sentence about it"
        )
    if len({pair.place for pair in pairs}) == 1:
        raise InputError(
            f"all pairs in {source.name} are of one video, {pairs[0].path.name}: "
            "there is nothing to tell apart; list several videos"
        )
    return pairs


def _collected(rows: Iterable[ManifestRow]) -> list[Pair]:
    """One pair for each id of a split, with the captions of all its rows."""
    rows_of: dict[tuple[str, str], list[ManifestRow]] = {}
    for row in rows:
        known = rows_of.setdefault((row.id, row.split), [])
        if known and known[0].place != row.place:
            raise InputError(
                f"{row.where}: the id {row.id} is that of another video already "
                f"({known[0].where}); give each video an id of its own"
            )
        known.append(row)
    return [
        Pair(
            id=first.id,
            path=first.path,
            captions=tuple(caption for row in (first, *more) for caption in row.captions),
            split=first.split,
            group=next((row.group for row in (first, *more) if row.group), ""),
            members=first.members,
        )
        for first, *more in rows_of.values()
    ]
