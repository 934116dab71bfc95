"""Which captioned clips an adaptation learns from, and which it holds back to be judged by."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cpd_model.errors import InputError
from training.adapt.folds import Trial, num_judges, plan_trials, trials_of
from training.data.copies import copies_named, repeated_videos, shared_videos
from training.data.manifest import CAPTION, LABEL, read_manifest
from training.data.pair import Pair
from training.data.pairs import read_pairs
from training.run.pairs import pairs_fingerprint

MIN_PAIRS = 3
"""Two to tell apart, and one to judge by."""


class AdaptPairs(NamedTuple):
    """The pairs of one adaptation."""

    name: str
    """Of the list that they were read from."""

    train: list[Pair]
    val: list[Pair]
    """Those that judge and are never learned from; may be empty."""

    fingerprint: str
    """See `training.run.pairs.RunPairs`."""

    trials: list[Trial]
    """Who learns and who judges while the blend is chosen, as positions in [*train, *val]."""


def read_adapt_pairs(
    source: Path,
    val_source: Path | None,
    *,
    seed: int,
    caption_from: str | None = None,
    on_message: Callable[[str], None] = lambda message: None,
) -> AdaptPairs:
    """Read the list, and plan its trials: by the rows of its split val, or else by parts of it.

    Args:
        caption_from: the column to learn from; None: the captions, or labels where there are none.
        on_message: told that labels are captions, and who judges.

    Raises:
        InputError: see `read_pairs`; or too few pairs, one caption for all, one group alone.
    """
    column = caption_from or caption_column(source)
    if column == LABEL:
        on_message(f"{source.name}: each clip's label is its caption")
    pairs = read_pairs(source, caption_from=column)
    train = [pair for pair in pairs if pair.split in ("", "train")]
    if val_source:
        val = read_pairs(val_source, caption_from=caption_from or caption_column(val_source))
        held = "those of --val"
    else:
        val = [pair for pair in pairs if pair.split == "val"]
        held = "the rows of the split val"
    _check(train, source.name, needed=MIN_PAIRS - bool(val))
    _refuse_shared(train, val, one_list=val_source is None, held=held)
    if val:
        trials, judges = trials_of(train, val), f"{len(val)} held back ({held})"
    else:
        groups = groups_of(train)
        trials = plan_trials(caption_kinds(train), groups, seed=seed)
        count, parts = num_judges(trials), len(trials)
        judges = (
            f"{count} of them judge, held back in {parts} part{'s' * (parts > 1)} (seed {seed})"
        )
    on_message(f"learning from {len(train)} pairs; {judges}")
    fingerprint = pairs_fingerprint([*train, *val])
    return AdaptPairs(source.name, train, val, fingerprint, trials)


def caption_column(source: Path) -> str:
    """`label` where a list has labels and no caption at all, else `caption`."""
    rows = read_manifest(source)
    has_labels = any(row.label for row in rows)
    return LABEL if has_labels and not any(row.captions for row in rows) else CAPTION


def groups_of(pairs: Sequence[Pair]) -> list[str]:
    """What must not be torn apart: a group where there is one, else a video; copies are of one."""
    joined: dict[str, str] = {}

    def find(name: str) -> str:
        while name in joined:
            name = joined[name]
        return name

    for video, original in repeated_videos(pairs):
        ours, theirs = find(_own_group(video)), find(_own_group(original))
        if ours != theirs:
            joined[ours] = theirs
    return [find(_own_group(pair)) for pair in pairs]


def _own_group(pair: Pair) -> str:
    return f"group {pair.group}" if pair.group else f"video {pair.place}"


def caption_kinds(pairs: Sequence[Pair]) -> list[int]:
    """A number for each pair; pairs that share a caption, or each with a third, have one number."""
    root = list(range(len(pairs)))

    def find(item: int) -> int:
        while root[item] != item:
            item = root[item]
        return item

    first: dict[str, int] = {}
    for item, pair in enumerate(pairs):
        for caption in pair.captions:
            root[find(item)] = find(first.setdefault(caption, item))
    numbers = {name: number for number, name in enumerate(sorted(set(map(find, root))))}
    return [numbers[find(item)] for item in range(len(pairs))]


def _refuse_shared(
    train: Sequence[Pair], val: Sequence[Pair], *, one_list: bool, held: str
) -> None:
    # not a warning as in other runs: here those that judge choose what is kept
    shared = shared_videos(train, val, one_list=one_list)
    if shared:
        raise InputError(
            f"{len(shared)} of {len(val)} pairs that judge ({held}) are learned from too: "
            f"{copies_named(shared)}; they would choose what they know by heart, so take them out "
            "of one of the two"
        )


def _check(train: Sequence[Pair], name: str, *, needed: int) -> None:
    if len(train) < needed:
        raise InputError(
            f"{name} has {len(train)} captioned clips to learn from, and adapting needs {needed} "
            "or more (some 40 for a change that can be measured); add a line for each clip"
        )
    if len(set(caption_kinds(train))) < 2:
        raise InputError(
            f"all captions in {name} are equal: there is nothing to tell apart; "
            "describe what differs between the clips"
        )
