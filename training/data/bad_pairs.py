"""Pairs that cannot be read: counted, told once, and replaced by the next of the list.

What stands in for a bad pair at a step depends on the list and the step alone, so that a resumed
run replaces as the first one did.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from cpd_model.errors import InputError
from training.data.pair import Pair

OnBad: TypeAlias = Callable[[Pair, str], None]
"""Told once about each pair that cannot be read, and why."""


class BadPairs:
    """What is known to be unreadable in a list of pairs, and how much of that is borne."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        max_fraction: float,
        on_bad: OnBad = lambda pair, reason: None,
    ) -> None:
        self.reasons: dict[int, str] = {}
        """Why each bad pair cannot be read, by its place in the list."""
        self._pairs = pairs
        self._max_fraction = max_fraction
        self._on_bad = on_bad

    @property
    def num_pairs(self) -> int:
        """N, bad ones included."""
        return len(self._pairs)

    def add(self, item: int, reason: str) -> None:
        """Count a bad pair; one that is known already is passed over.

        Raises:
            InputError: more of the pairs than `max_fraction` are bad.
        """
        if item in self.reasons:
            return
        self.reasons[item] = reason
        self._on_bad(self._pairs[item], reason)
        if len(self.reasons) > self._max_fraction * len(self._pairs):
            raise InputError(
                f"{len(self.reasons)} of {len(self._pairs)} videos cannot be read, more than "
                f"data.max_bad_fraction = {self._max_fraction:g} allows; the last is "
                f"{self._pairs[item].id}: {reason}; mend the list, or allow more"
            )


def stand_in(
    item: int, *, num_items: int, taken: set[int], is_readable: Callable[[int], bool]
) -> int:
    """The next pair of the list, going round, that is readable and not taken; takes it.

    Raises:
        InputError: there is none.
    """
    for step in range(1, num_items):
        other = (item + step) % num_items
        if other not in taken and is_readable(other):
            taken.add(other)
            return other
    raise InputError(
        "too few of the videos can be read to fill a batch; lower data.batch_size or mend the list"
    )
