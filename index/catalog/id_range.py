"""Which segment ids belong to which of a library's models."""

from typing import NamedTuple, Self

_BITS = 40
"""A model's ids are 2**40 in a row; those of 8,192 models stay below 2**53, exact in JSON."""


class IdRange(NamedTuple):
    """Segment ids from the first to the last."""

    first: int
    last: int

    @classmethod
    def of_model(cls, number: int) -> Self:
        """All ids that segments of the model of this number (from 1) can have."""
        start = (number - 1) << _BITS
        return cls(start + 1, start + (1 << _BITS) - 1)


def model_of_segment(segment_id: int) -> int:
    """The number of the model that a segment is of."""
    return (segment_id >> _BITS) + 1
