"""Who learns and who judges when the step and the blend of an adaptation are chosen."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cpd_model.errors import InputError
from training.data.pair import Pair

FOLDS = 4
"""Parts of a small list: each judges what the others taught, so that every pair judges once."""

LARGE = 400
"""Pairs from which on one part judges alone: it is large enough, and the others would take long."""


class Trial(NamedTuple):
    """Positions in the list of all pairs."""

    learned: tuple[int, ...]
    held: tuple[int, ...]


def plan_trials(kinds: Sequence[int], groups: Sequence[str], *, seed: int) -> list[Trial]:
    """Cut pairs into parts, whole groups of them, clips of one caption spread over the parts.

    Args:
        kinds: of each pair, see `caption_kinds`.
        groups: of each pair, see `groups_of`.

    Raises:
        InputError: whatever is held back, fewer than two captions are left to learn from.
    """
    names = sorted(set(groups))
    order = [names[i] for i in np.random.default_rng([seed, 20]).permutation(len(names))]
    kind_of = {
        group: kind if kinds.count(kind) > 1 else -1
        for group, kind in zip(groups, kinds, strict=True)
    }
    order.sort(key=lambda group: kind_of[group])
    parts = min(FOLDS, len(names))
    part_of = {group: place % parts for place, group in enumerate(order)}
    trials = []
    for part in range(parts):
        held = tuple(item for item, group in enumerate(groups) if part_of[group] == part)
        learned = tuple(item for item, group in enumerate(groups) if part_of[group] != part)
        if len({kinds[item] for item in learned}) > 1:
            trials.append(Trial(learned, held))
    if not trials:
        raise InputError(
            f"the {len(kinds)} pairs are of {len(names)} groups, and holding one back to judge by "
            "leaves fewer than two captions to tell apart; add clips of other groups"
        )
    return trials if len(kinds) < LARGE else trials[:1]


def readable_trials(trials: Sequence[Trial], readable: Sequence[bool]) -> list[Trial]:
    """The trials without the pairs whose video cannot be read; they neither learn nor judge.

    Raises:
        InputError: no trial has pairs left for both.
    """
    left = [
        Trial(*(tuple(item for item in part if readable[item]) for part in trial))
        for trial in trials
    ]
    left = [trial for trial in left if len(trial.learned) > 1 and trial.held]
    if not left:
        raise InputError(
            f"only {sum(readable)} of {len(readable)} clips can be read, too few to learn from "
            "some and judge by others; mend the list"
        )
    return left


def num_judges(trials: Sequence[Trial]) -> int:
    """Pairs that judge, each once."""
    return sum(len(trial.held) for trial in trials)


def trials_of(train: Sequence[Pair], val: Sequence[Pair]) -> list[Trial]:
    """The one trial where the pairs that judge were named."""
    first = len(train)
    return [Trial(tuple(range(first)), tuple(range(first, first + len(val))))]
