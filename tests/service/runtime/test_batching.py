"""Batching never mixes up, loses or delays answers."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from threading import Event

import pytest

from service.core.errors import OverloadedError
from service.runtime.batching import MicroBatcher


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


class Shouter:
    """Upper-cases its batch, remembers the sizes it saw, and waits for `gate` before it answers."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.started = Event()
        self.gate = Event()
        self.gate.set()

    def __call__(self, words: list[str]) -> list[str]:
        self.sizes.append(len(words))
        self.started.set()
        self.gate.wait(10)
        if "bad" in words:
            raise ArithmeticError("bad word")
        return [word.upper() for word in words]


async def test_results_go_back_to_their_senders_in_few_calls(pool: Executor) -> None:
    shout = Shouter()

    async with MicroBatcher(shout, executor=pool, max_batch_size=4, max_queued=20) as batcher:
        answers = await asyncio.gather(*(batcher.submit(word) for word in "abcdefghij"))

    assert answers == list("ABCDEFGHIJ")
    assert shout.sizes == [4, 4, 2]


async def test_the_first_waits_for_company(pool: Executor) -> None:
    shout = Shouter()

    async with MicroBatcher(
        shout, executor=pool, max_batch_size=2, max_queued=20, wait_seconds=10
    ) as batcher:
        first = asyncio.create_task(batcher.submit("a"))
        await asyncio.sleep(0.01)
        answers = await asyncio.gather(first, batcher.submit("b"))

    assert list(answers) == ["A", "B"]
    assert shout.sizes == [2]


async def test_nobody_waits_for_company_longer_than_agreed(pool: Executor) -> None:
    async with MicroBatcher(
        Shouter(), executor=pool, max_batch_size=2, max_queued=20, wait_seconds=0.01
    ) as batcher:
        answer = await asyncio.wait_for(batcher.submit("a"), 5)

    assert answer == "A"


async def test_a_failed_batch_does_not_stop_the_next(pool: Executor) -> None:
    async with MicroBatcher(Shouter(), executor=pool, max_batch_size=4, max_queued=20) as batcher:
        with pytest.raises(ArithmeticError):
            await batcher.submit("bad")

        assert await batcher.submit("good") == "GOOD"


async def test_only_the_caller_of_a_bad_item_hears_of_it(pool: Executor) -> None:
    shout = Shouter()
    words = [f"word {i}" for i in range(300)]
    words[::20] = ["bad"] * 15

    async with MicroBatcher(shout, executor=pool, max_batch_size=32, max_queued=300) as batcher:
        answers = await asyncio.gather(
            *(batcher.submit(word) for word in words), return_exceptions=True
        )

    for word, answer in zip(words, answers, strict=True):
        if word == "bad":
            assert isinstance(answer, ArithmeticError)
        else:
            assert answer == word.upper()


async def test_a_caller_that_gives_up_does_not_shift_the_others(pool: Executor) -> None:
    shout = Shouter()
    shout.gate.clear()

    async with MicroBatcher(shout, executor=pool, max_batch_size=8, max_queued=20) as batcher:
        busy = asyncio.create_task(batcher.submit("busy"))
        await asyncio.to_thread(shout.started.wait, 10)
        callers = [asyncio.create_task(batcher.submit(word)) for word in "abc"]
        await asyncio.sleep(0)
        callers[0].cancel()
        shout.gate.set()
        answers = await asyncio.gather(busy, *callers, return_exceptions=True)

    assert answers[0] == "BUSY"
    assert isinstance(answers[1], asyncio.CancelledError)
    assert answers[2:] == ["B", "C"]
    assert shout.sizes == [1, 2]


async def test_a_caller_that_gives_up_in_the_middle_of_its_batch_does_not_shift_the_others(
    pool: Executor,
) -> None:
    shout = Shouter()
    shout.gate.clear()

    async with MicroBatcher(shout, executor=pool, max_batch_size=8, max_queued=20) as batcher:
        callers = [asyncio.create_task(batcher.submit(word)) for word in "abc"]
        await asyncio.to_thread(shout.started.wait, 10)
        callers[0].cancel()
        shout.gate.set()
        answers = await asyncio.gather(*callers, return_exceptions=True)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == ["B", "C"]


async def test_a_wrong_number_of_results_fails_the_batch(pool: Executor) -> None:
    def forgetful(words: list[str]) -> list[str]:
        return words[1:]

    async with MicroBatcher(forgetful, executor=pool, max_batch_size=4, max_queued=20) as batcher:
        with pytest.raises(ValueError, match="zip"):
            await batcher.submit("a")


async def test_a_full_queue_refuses_at_once(pool: Executor) -> None:
    shout = Shouter()
    shout.gate.clear()

    async with MicroBatcher(shout, executor=pool, max_batch_size=1, max_queued=1) as batcher:
        running = asyncio.create_task(batcher.submit("a"))
        await asyncio.to_thread(shout.started.wait, 10)
        waiting = asyncio.create_task(batcher.submit("b"))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="try again"):
            await batcher.submit("c")
        shout.gate.set()

        assert list(await asyncio.gather(running, waiting)) == ["A", "B"]


async def test_leaving_cancels_what_still_waits(pool: Executor) -> None:
    shout = Shouter()
    shout.gate.clear()

    async with MicroBatcher(shout, executor=pool, max_batch_size=1, max_queued=9) as batcher:
        in_flight = asyncio.create_task(batcher.submit("a"))
        await asyncio.to_thread(shout.started.wait, 10)
        waiting = asyncio.create_task(batcher.submit("b"))
        await asyncio.sleep(0)
    shout.gate.set()
    answers = await asyncio.gather(in_flight, waiting, return_exceptions=True)

    assert [type(answer) for answer in answers] == [asyncio.CancelledError] * 2


async def test_a_batcher_that_is_not_running_says_so(pool: Executor) -> None:
    batcher = MicroBatcher(Shouter(), executor=pool, max_batch_size=1, max_queued=1)

    with pytest.raises(RuntimeError, match="not running"):
        await batcher.submit("a")
