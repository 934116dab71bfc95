"""The real engine over a real library, with a model whose answers can be worked out by hand."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from cpd_model.encoder import Encoder, Frames, Vectors
from cpd_model.errors import ModelNotFoundError
from cpd_model.testing import ColorEncoder
from index.decoding.pool import DecodePool
from index.library.library import Library
from service.core.errors import NotReadyError, OverloadedError
from service.media.file_cache import FileCache
from service.runtime.engine import CPDEngine
from service.settings import Settings
from tests.service.conftest import COLORS, Opener
from tests.service.videos import write_colors


class CountingEncoder(ColorEncoder):
    """Notes how many texts came at once, on which thread, and waits for `gate` if there is one."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.threads: set[int] = set()
        self.gate = gate

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        self.sizes.append(len(texts))
        self.threads.add(threading.get_ident())
        if self.gate is not None:
            self.gate.wait(10)
        return super().encode_text(texts)

    def encode_frames(self, frames_NHWC: Frames) -> Vectors:
        self.threads.add(threading.get_ident())
        return super().encode_frames(frames_NHWC)


async def test_a_colour_is_found_where_it_is_shown(open_engine: Opener) -> None:
    async with open_engine() as engine:
        answer = await engine.searches.search("something blue", limit=1, merge=True)

    (hit,) = answer.hits
    assert Path(hit.path).name == "sunset.mp4"
    assert 6 <= hit.start_seconds <= 8
    assert hit.stop_seconds == 16
    assert hit.score == pytest.approx(1, abs=0.01)
    assert answer.model == "color"


async def test_raw_windows_overlap_and_moments_do_not(open_engine: Opener) -> None:
    async with open_engine() as engine:
        raw = await engine.searches.search("blue", limit=4, merge=False)
        merged = await engine.searches.search("blue", limit=4, merge=True)

    blue_windows = [hit for hit in raw.hits if hit.score > 0.9]
    blue_moments = [hit for hit in merged.hits if hit.score > 0.9]
    assert len(blue_windows) == 3  # 8-12, 10-14 and 12-16 s
    assert [hit.stop_seconds for hit in blue_moments] == [16]


async def test_queries_that_come_together_are_encoded_together(open_engine: Opener) -> None:
    encoder = CountingEncoder()

    async with open_engine(encoder, query_batch_wait_seconds=0.2) as engine:
        await asyncio.gather(
            *(
                engine.searches.search(f"{color} thing", limit=1, merge=True)
                for color in ("red", "blue")
            )
        )

    assert encoder.sizes == [1, 2]  # the warm-up, then both


async def test_a_query_is_encoded_once(open_engine: Opener) -> None:
    encoder = CountingEncoder()

    async with open_engine(encoder) as engine:
        first = await engine.searches.search("red", limit=3, merge=True)
        again = await engine.searches.search("red", limit=3, merge=True)

    assert encoder.sizes == [1, 1]
    assert again.hits == first.hits


async def test_identical_queries_that_come_together_share_one_encoding(
    open_engine: Opener,
) -> None:
    encoder = CountingEncoder()

    async with open_engine(encoder, query_batch_wait_seconds=0.05) as engine:
        answers = await asyncio.gather(
            *(engine.searches.search("red", limit=1, merge=True) for _ in range(8))
        )

    assert encoder.sizes == [1, 1]
    assert all(answer.hits == answers[0].hits for answer in answers)


async def test_a_caller_that_leaves_does_not_take_the_encoding_from_others(
    open_engine: Opener,
) -> None:
    gate = threading.Event()
    gate.set()

    async with open_engine(CountingEncoder(gate)) as engine:
        gate.clear()
        first, second = (
            asyncio.create_task(engine.searches.search("red", limit=1, merge=True))
            for _ in range(2)
        )
        await asyncio.sleep(0)
        first.cancel()
        gate.set()
        answer = await second

    assert len(answer.hits) == 1
    assert first.cancelled()


async def test_the_oldest_query_is_forgotten_first(open_engine: Opener) -> None:
    encoder = CountingEncoder()

    async with open_engine(encoder, cached_queries=2) as engine:
        for query in ("red", "green", "red", "blue", "red", "green"):
            await engine.searches.search(query, limit=1, merge=True)

    assert len(encoder.sizes) == 1 + 4  # green was forgotten for blue, red was used meanwhile


async def test_too_many_queries_are_refused_at_once(open_engine: Opener) -> None:
    gate = threading.Event()
    gate.set()
    encoder = CountingEncoder(gate)

    async with open_engine(encoder, max_queued_queries=1, query_batch_size=1) as engine:
        gate.clear()
        tasks = [
            asyncio.create_task(engine.searches.search(f"red {i}", limit=1, merge=True))
            for i in range(8)
        ]
        await asyncio.sleep(0.05)
        gate.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, OverloadedError)]
    assert 1 <= len(refused) <= 7
    assert all(isinstance(answer, OverloadedError | tuple) for answer in answers)


async def test_the_model_is_entered_by_one_thread_only(open_engine: Opener, tmp_path: Path) -> None:
    encoder = CountingEncoder()
    clip = write_colors(tmp_path / "clip.mp4", ["green"], seconds_each=1)

    async with open_engine(encoder) as engine:
        await asyncio.gather(
            engine.labels.of_upload(clip, "clip.mp4", COLORS),
            engine.searches.search("red", limit=1, merge=True),
        )

    assert len(encoder.threads) == 1
    assert threading.get_ident() not in encoder.threads


async def test_an_empty_library_has_nothing_to_find(
    color_library: Path, decoder: DecodePool, tmp_path: Path
) -> None:
    with Library.open(color_library) as full:
        settings = full.settings
    with Library.create(tmp_path / "empty", settings) as library:
        async with CPDEngine(
            library,
            decoder,
            FileCache(tmp_path / "cache", max_bytes=10**6),
            Settings(library=tmp_path / "empty"),
            load=lambda model, device: ColorEncoder(),
        ) as engine:
            await engine.settled()
            answer = await engine.searches.search("red", limit=10, merge=True)
            readiness = await engine.readiness()
            page = await engine.videos.page(limit=10, offset=0)

    assert list(answer.hits) == []
    assert readiness.ready
    assert (page.total, list(page.videos)) == (0, [])


# -- readiness ------------------------------------------------------------------------------------


async def test_a_ready_engine_tells_its_devices_and_sizes(open_engine: Opener) -> None:
    async with open_engine() as engine:
        readiness = await engine.readiness()

    assert readiness.ready
    assert readiness.reason is None
    assert (readiness.model_device, readiness.search_device) == ("cpu", "cpu")
    assert readiness.num_videos == 3
    assert readiness.fingerprint == ColorEncoder().fingerprint


async def test_it_is_not_ready_before_the_model_has_answered(open_engine: Opener) -> None:
    gate = threading.Event()

    async with open_engine(CountingEncoder(gate), wait=False) as engine:
        readiness = await engine.readiness()
        with pytest.raises(NotReadyError, match="still being loaded"):
            await engine.searches.search("red", limit=1, merge=True)
        page = await engine.videos.page(limit=10, offset=0)
        gate.set()

    assert not readiness.ready
    assert readiness.model_device is None
    assert page.total == 3


@pytest.mark.parametrize(
    ("encoder", "sentence"),
    [
        (ColorEncoder(name="another"), "was built by color"),
        (ModelNotFoundError("no model of that name"), "no model of that name"),
        (RuntimeError("out of memory"), "out of memory"),
    ],
    ids=["mismatch", "not found", "crash"],
)
async def test_a_model_that_cannot_be_used_is_told(
    open_engine: Opener, encoder: Encoder | Exception, sentence: str
) -> None:
    async with open_engine(encoder) as engine:
        readiness = await engine.readiness()
        with pytest.raises(NotReadyError, match=sentence):
            await engine.searches.search("red", limit=1, merge=True)

    assert not readiness.ready
    assert sentence in (readiness.reason or "")


async def test_load_counts_what_the_library_holds(open_engine: Opener) -> None:
    async with open_engine() as engine:
        load = await engine.load()

    assert load.num_videos == 3
    assert load.num_segments > 3
    assert (load.num_queued_queries, load.num_pending_searches, load.num_pending_videos) == (
        0,
        0,
        0,
    )
