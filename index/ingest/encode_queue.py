"""Frames of many videos, encoded in full batches; one bad video never spoils its neighbours.

Axes: N frames or clips (items) of a task, R what the encoder makes of one item.
"""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from cpd_model.encoder import Frames, Vectors
from cpd_model.errors import CPDError, InputError
from index.ingest.tasks import DecodeTask

Owner = TypeVar("Owner", bound=Hashable)


class Encoded(NamedTuple, Generic[Owner]):
    """One task through the encoder: its rows, or why there are none."""

    owner: Owner
    task: DecodeTask
    rows_NR: Vectors | None
    """float32, row i is item i of the task; None when the encoder failed on it."""

    error: Exception | None


@dataclass(eq=False)
class _Waiting(Generic[Owner]):
    owner: Owner
    task: DecodeTask
    frames_NHWC: Frames
    num_taken: int = 0
    rows: list[Vectors] = field(default_factory=list)


class _Part(NamedTuple, Generic[Owner]):
    """Items [start, stop) of one task, as they lie in a batch."""

    waiting: _Waiting[Owner]
    items: Frames


class EncodeQueue(Generic[Owner]):
    """Collects the frames of tasks, first come first served, and encodes them batch by batch.

    Args:
        encode: items (n, ...) to float32 rows (n, R), row by row.
        max_items: of one batch; >= 1.
    """

    def __init__(self, encode: Callable[[Frames], Vectors], *, max_items: int) -> None:
        self._encode = encode
        self._max_items = max_items
        self._waiting: deque[_Waiting[Owner]] = deque()

    @property
    def num_items(self) -> int:
        """Items that wait."""
        return sum(w.task.num_items - w.num_taken for w in self._waiting)

    def put(self, owner: Owner, task: DecodeTask, frames_NHWC: Frames) -> None:
        """Queue the frames of one task; they are let go when its last item is encoded."""
        self._waiting.append(_Waiting(owner, task, frames_NHWC))

    def drop(self, owner: Owner) -> list[DecodeTask]:
        """Forget everything of one owner; returns the tasks that were forgotten."""
        dropped = [w.task for w in self._waiting if w.owner == owner]
        self._waiting = deque(w for w in self._waiting if w.owner != owner)
        return dropped

    def encode_batch(self) -> list[Encoded[Owner]]:
        """Encode up to one batch; returns the tasks that are complete, or failed, by it.

        A batch that fails is tried again video by video. The queue forgets a failed task.

        Raises:
            CPDError: the encoder itself cannot go on (its device is gone, say), whatever the video.
        """
        parts = self._take_batch()
        outcomes: list[Encoded[Owner]] = []
        for part, rows in zip(parts, self._rows_of(parts), strict=True):
            waiting = part.waiting
            if isinstance(rows, Exception):
                outcomes.append(Encoded(waiting.owner, waiting.task, None, rows))
                self._forget(waiting)
                continue
            waiting.rows.append(rows)
            if waiting.num_taken == waiting.task.num_items:
                rows_NR = np.concatenate(waiting.rows)
                outcomes.append(Encoded(waiting.owner, waiting.task, rows_NR, None))
                self._forget(waiting)
        return outcomes

    def _take_batch(self) -> list[_Part[Owner]]:
        room = self._max_items
        parts = []
        for waiting in self._waiting:
            if room == 0:
                break
            start = waiting.num_taken
            stop = min(start + room, waiting.task.num_items)
            parts.append(_Part(waiting, waiting.task.items(waiting.frames_NHWC, start, stop)))
            waiting.num_taken = stop
            room -= stop - start
        return parts

    def _rows_of(self, parts: list[_Part[Owner]]) -> list[Vectors | Exception]:
        try:
            rows_NR = self._checked(np.concatenate([part.items for part in parts]))
        except Exception as error:
            _raise_if_hopeless(error)
            return [error] if len(parts) == 1 else [self._alone(part) for part in parts]
        borders = np.cumsum([len(part.items) for part in parts])[:-1]
        return list(np.split(rows_NR, borders))

    def _alone(self, part: _Part[Owner]) -> Vectors | Exception:
        try:
            return self._checked(part.items)
        except Exception as error:
            _raise_if_hopeless(error)
            return error

    def _checked(self, items: Frames) -> Vectors:
        rows_NR = self._encode(items)
        if len(rows_NR) != len(items):
            raise ValueError(f"{len(items)} items gave {len(rows_NR)} rows")
        if not np.isfinite(rows_NR).all():
            raise ValueError("the model gave values that are not finite")
        return rows_NR

    def _forget(self, waiting: _Waiting[Owner]) -> None:
        self._waiting = deque(w for w in self._waiting if w is not waiting)


def _raise_if_hopeless(error: Exception) -> None:
    if isinstance(error, CPDError) and not isinstance(error, InputError):
        raise error
