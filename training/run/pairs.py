"""Which pairs a run learns from and which it is judged by."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cpd_model.errors import InputError
from training.data.copies import copies_named, shared_videos
from training.data.pair import Pair
from training.data.pairs import read_pairs


class RunPairs(NamedTuple):
    """The pairs of one run."""

    name: str
    """Of the list or folder that they were read from."""

    train: list[Pair]
    val: list[Pair]
    """Empty where nothing is held back."""

    fingerprint: str
    """64 hex digits over ids and captions of both, in their order; paths may change."""


def read_run_pairs(
    source: Path, val_source: Path | None, *, on_message: Callable[[str], None]
) -> RunPairs:
    """Pairs by their split: `val` rows judge, rows without a split or of `train` are learned from.

    Args:
        val_source: None: the rows of `source` whose split is val, if there are any.
        on_message: told which videos are in both, for figures on those say little.

    Raises:
        InputError: see `read_pairs`, or no pair is left to learn from.
    """
    pairs = read_pairs(source)
    train = [pair for pair in pairs if pair.split in ("", "train")]
    if not train:
        splits = ", ".join(sorted({pair.split for pair in pairs}))
        raise InputError(
            f"{source.name} has no pair of the split train, only of {splits}; name the rows to "
            "learn from train, or leave the column empty"
        )
    judges = read_pairs(val_source) if val_source else pairs
    val = [pair for pair in judges if pair.split == "val"]
    if val_source and not val:
        val = judges
    shared = shared_videos(train, val, one_list=val_source is None)
    if shared:
        held = "--val" if val_source else "the split val"
        on_message(
            f"warning: {len(shared)} of {len(val)} videos of {held} are learned from too, so its "
            f"figures will be too good: {copies_named(shared)}; take them out of one of the two"
        )
    return RunPairs(source.name, train, val, pairs_fingerprint([*train, *val]))


def pairs_fingerprint(pairs: Sequence[Pair]) -> str:
    """64 hex digits over ids and captions, in their order."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(json.dumps([pair.id, pair.captions]).encode() + b"\n")
    return digest.hexdigest()
