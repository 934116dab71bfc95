"""Threads that refuse rather than let work pile up."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cpd_model.encoder import Encoder, FrameEncoder
from cpd_model.testing import ColorEncoder
from service.core.errors import OverloadedError
from service.runtime.executors import BoundedExecutor, EncoderOnThread, put_on_thread


async def test_too_much_work_is_refused_at_once() -> None:
    executor = BoundedExecutor("searches", num_threads=1, max_queued=1)
    gate = threading.Event()

    running = asyncio.create_task(executor.run(gate.wait))
    waiting = asyncio.create_task(executor.run(gate.wait))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="searches"):
        await executor.run(gate.wait)
    gate.set()

    assert list(await asyncio.gather(running, waiting)) == [True, True]
    executor.shutdown()


async def test_finished_work_makes_room() -> None:
    executor = BoundedExecutor("reads", num_threads=1, max_queued=1)

    answers = [await executor.run(lambda: "done") for _ in range(5)]

    assert answers == ["done"] * 5
    assert executor.num_pending <= 1
    executor.shutdown()
    assert executor.num_pending == 0


async def test_a_failure_reaches_its_caller_and_makes_room() -> None:
    executor = BoundedExecutor("reads", num_threads=1, max_queued=1)

    def fail() -> None:
        raise KeyError("missing")

    for _ in range(4):
        with pytest.raises(KeyError):
            await executor.run(fail)
    executor.shutdown()

    assert executor.num_pending == 0


def test_an_encoder_on_a_thread_answers_the_same() -> None:
    encoder = ColorEncoder()
    clips_BTHWC = np.full((2, 4, 16, 16, 3), 255, dtype=np.uint8)

    with ThreadPoolExecutor(1) as executor:
        moved = put_on_thread(encoder, executor)

        assert isinstance(moved, FrameEncoder)
        assert np.array_equal(moved.encode_text(["red"]), encoder.encode_text(["red"]))
        assert np.array_equal(moved.encode_video(clips_BTHWC), encoder.encode_video(clips_BTHWC))
        features_NF = moved.encode_frames(clips_BTHWC[0])
        assert np.array_equal(
            moved.pool_frames(features_NF[None]), moved.encode_video(clips_BTHWC[:1])
        )
        for name in ("name", "fingerprint", "embed_dim", "clip_spec", "temperature", "device"):
            assert getattr(moved, name) == getattr(encoder, name)


def test_an_encoder_of_clips_does_not_pretend_to_know_frames() -> None:
    class ClipsOnly:
        """Not a FrameEncoder: hides what ColorEncoder can do beyond Encoder."""

        def __init__(self) -> None:
            whole = ColorEncoder()
            for name in ("name", "fingerprint", "embed_dim", "clip_spec", "temperature", "device"):
                setattr(self, name, getattr(whole, name))
            self.encode_video = whole.encode_video
            self.encode_text = whole.encode_text

    encoder = ClipsOnly()

    with ThreadPoolExecutor(1) as executor:
        moved = put_on_thread(encoder, executor)  # type: ignore[arg-type]  # set in __init__

    assert isinstance(moved, Encoder)
    assert not isinstance(moved, FrameEncoder)
    assert type(moved) is EncoderOnThread
