"""Batches are full while there is work, and a bad item fails alone."""

import numpy as np
import pytest

from cpd_model.encoder import Frames, Vectors
from cpd_model.errors import DeviceError
from index.ingest.encode_queue import EncodeQueue
from index.ingest.tasks import DecodeTask

BAD = 13


class Encode:
    """Gives the first pixel of each frame; chokes on 13."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, frames_NHWC: Frames) -> Vectors:
        self.sizes.append(len(frames_NHWC))
        values_N1 = frames_NHWC[:, 0, 0, :1].astype(np.float32)
        if (values_N1 == BAD).any():
            raise RuntimeError("choked")
        return values_N1


def task(number: int, *values: int) -> tuple[DecodeTask, Frames]:
    frames_NHWC = np.zeros((len(values), 2, 2, 3), dtype=np.uint8)
    frames_NHWC[:] = np.array(values, dtype=np.uint8)[:, None, None, None]
    return DecodeTask(number, 0, np.arange(len(values), dtype=np.float64), None), frames_NHWC


def test_tasks_share_batches_and_get_their_own_rows_back() -> None:
    encode = Encode()
    queue: EncodeQueue[str] = EncodeQueue(encode, max_items=4)
    queue.put("a", *task(0, 1, 2, 3))
    queue.put("b", *task(0, 4, 5, 6, 7, 8))

    first, second = queue.encode_batch(), queue.encode_batch()

    assert encode.sizes == [4, 4]
    assert [(e.owner, e.rows_NR.ravel().tolist()) for e in first if e.rows_NR is not None] == [
        ("a", [1, 2, 3])
    ]
    assert [(e.owner, e.rows_NR.ravel().tolist()) for e in second if e.rows_NR is not None] == [
        ("b", [4, 5, 6, 7, 8])
    ]
    assert queue.num_items == 0


def test_a_bad_item_fails_its_own_task_only() -> None:
    queue: EncodeQueue[str] = EncodeQueue(Encode(), max_items=8)
    queue.put("a", *task(0, 1, 2))
    queue.put("b", *task(0, BAD))
    queue.put("c", *task(0, 3))

    by_owner = {encoded.owner: encoded for encoded in queue.encode_batch()}

    assert str(by_owner["b"].error) == "choked"
    assert by_owner["a"].error is by_owner["c"].error is None
    assert by_owner["c"].rows_NR is not None


def test_an_owner_that_is_dropped_takes_its_tasks_along() -> None:
    queue: EncodeQueue[str] = EncodeQueue(Encode(), max_items=8)
    queue.put("a", *task(0, 1))
    queue.put("b", *task(0, 2))
    queue.put("a", *task(1, 3))

    dropped = queue.drop("a")

    assert [dropped_task.number for dropped_task in dropped] == [0, 1]
    assert [encoded.owner for encoded in queue.encode_batch()] == ["b"]


def test_a_wrong_number_of_rows_fails_the_batch() -> None:
    queue: EncodeQueue[str] = EncodeQueue(lambda frames: np.zeros((1, 1), np.float32), max_items=8)
    queue.put("a", *task(0, 1, 2))

    (encoded,) = queue.encode_batch()

    assert "2 items gave 1 rows" in str(encoded.error)


def test_a_device_that_is_gone_is_nobodys_video() -> None:
    def encode(frames_NHWC: Frames) -> Vectors:
        raise DeviceError("gone")

    queue: EncodeQueue[str] = EncodeQueue(encode, max_items=8)
    queue.put("a", *task(0, 1))

    with pytest.raises(DeviceError):
        queue.encode_batch()
