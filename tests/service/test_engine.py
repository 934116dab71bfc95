"""The real engine over a real library, with a model whose answers can be worked out by hand."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from cpd_model.encoder import Encoder, Frames, Vectors
from cpd_model.errors import InputError, ModelNotFoundError
from cpd_model.testing import ColorEncoder
from index.decoding.pool import DecodePool
from index.errors import NotAVideoError, UnknownVideoError
from index.library.library import Library
from service.cpd_engine import CPDEngine
from service.engine import LabelOrder
from service.errors import NotReadyError, OverloadedError, UploadTooLargeError
from service.file_cache import FileCache
from service.settings import Settings
from tests.service.videos import write_colors

Opener: TypeAlias = Callable[..., AbstractAsyncContextManager[CPDEngine]]
COLORS = LabelOrder(labels=("red", "green", "blue", "yellow"), templates=("{}",))


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


@pytest.fixture
def open_engine(color_library: Path, decoder: DecodePool, tmp_path: Path) -> Opener:
    """Opens an engine with a model, and waits until it has been loaded or not."""

    @asynccontextmanager
    async def opened(
        encoder: Encoder | Exception | None = None, *, wait: bool = True, **changes: object
    ) -> AsyncIterator[CPDEngine]:
        settings = Settings(library=color_library, **changes)  # type: ignore[arg-type]  # checked

        def load(model: str | None, device: str) -> Encoder:
            if isinstance(encoder, Exception):
                raise encoder
            return encoder or ColorEncoder()

        with Library.open(color_library) as library:
            cache = FileCache(tmp_path / "cache", max_bytes=10**6)
            async with CPDEngine(library, decoder, cache, settings, load=load) as engine:
                if wait:
                    await engine.settled()
                yield engine

    return opened


async def test_a_colour_is_found_where_it_is_shown(open_engine: Opener) -> None:
    async with open_engine() as engine:
        answer = await engine.search("something blue", limit=1, merge=True)

    (hit,) = answer.hits
    assert Path(hit.path).name == "sunset.mp4"
    assert 6 <= hit.start_seconds <= 8
    assert hit.stop_seconds == 16
    assert hit.score == pytest.approx(1, abs=0.01)
    assert answer.model == "color"


async def test_raw_windows_overlap_and_moments_do_not(open_engine: Opener) -> None:
    async with open_engine() as engine:
        raw = await engine.search("blue", limit=4, merge=False)
        merged = await engine.search("blue", limit=4, merge=True)

    blue_windows = [hit for hit in raw.hits if hit.score > 0.9]
    blue_moments = [hit for hit in merged.hits if hit.score > 0.9]
    assert len(blue_windows) == 3  # 8-12, 10-14 and 12-16 s
    assert [hit.stop_seconds for hit in blue_moments] == [16]


async def test_queries_that_come_together_are_encoded_together(open_engine: Opener) -> None:
    encoder = CountingEncoder()

    async with open_engine(encoder, query_batch_wait_seconds=0.2) as engine:
        await asyncio.gather(
            *(engine.search(f"{color} thing", limit=1, merge=True) for color in ("red", "blue"))
        )

    assert encoder.sizes == [1, 2]  # the warm-up, then both


async def test_a_query_is_encoded_once(open_engine: Opener) -> None:
    encoder = CountingEncoder()

    async with open_engine(encoder) as engine:
        first = await engine.search("red", limit=3, merge=True)
        again = await engine.search("red", limit=3, merge=True)

    assert encoder.sizes == [1, 1]
    assert again.hits == first.hits


async def test_the_oldest_query_is_forgotten_first(open_engine: Opener) -> None:
    encoder = CountingEncoder()

    async with open_engine(encoder, cached_queries=2) as engine:
        for query in ("red", "green", "red", "blue", "red", "green"):
            await engine.search(query, limit=1, merge=True)

    assert len(encoder.sizes) == 1 + 4  # green was forgotten for blue, red was used meanwhile


async def test_too_many_queries_are_refused_at_once(open_engine: Opener) -> None:
    gate = threading.Event()
    gate.set()
    encoder = CountingEncoder(gate)

    async with open_engine(encoder, max_queued_queries=1, query_batch_size=1) as engine:
        gate.clear()
        tasks = [
            asyncio.create_task(engine.search(f"red {i}", limit=1, merge=True)) for i in range(8)
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
            engine.classify_upload(clip, "clip.mp4", COLORS),
            engine.search("red", limit=1, merge=True),
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
            answer = await engine.search("red", limit=10, merge=True)
            readiness = await engine.readiness()
            page = await engine.videos(limit=10, offset=0)

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
            await engine.search("red", limit=1, merge=True)
        page = await engine.videos(limit=10, offset=0)
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
            await engine.search("red", limit=1, merge=True)

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


# -- labels ---------------------------------------------------------------------------------------


async def test_a_stored_video_is_labelled_from_its_vectors(open_engine: Opener) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "meadow.mp4")
        answer = await engine.classify_stored(video_id, COLORS)

    assert answer.labels[0].label == "green"
    assert sum(score.probability for score in answer.labels) == pytest.approx(1, abs=1e-3)
    assert answer.timeline is None
    assert Path(answer.path).name == "meadow.mp4"


async def test_a_timeline_follows_the_video(open_engine: Opener) -> None:
    order = LabelOrder(labels=COLORS.labels, templates=("{}",), top=1, timeline=True)

    async with open_engine() as engine:
        answer = await engine.classify_stored(await id_of(engine, "sunset.mp4"), order)

    assert answer.timeline is not None
    assert [len(segment.labels) for segment in answer.timeline] == [1] * len(answer.timeline)
    assert answer.timeline[0].labels[0].label == "red"
    assert answer.timeline[-1].labels[0].label == "blue"


async def test_an_upload_is_labelled_under_the_name_it_came_with(
    open_engine: Opener, tmp_path: Path
) -> None:
    stored = write_colors(tmp_path / "tmp123.mp4", ["yellow"], seconds_each=2)

    async with open_engine() as engine:
        answer = await engine.classify_upload(stored, "beach.mp4", COLORS)

    assert answer.labels[0].label == "yellow"
    assert (answer.path, answer.video_id) == ("beach.mp4", None)


async def test_an_upload_that_is_no_video_is_named_as_its_sender_does(
    open_engine: Opener, tmp_path: Path
) -> None:
    stored = tmp_path / "cpd-upload-1"
    stored.write_text("once upon a time")

    async with open_engine() as engine:
        with pytest.raises(NotAVideoError, match=r"beach\.mp4") as caught:
            await engine.classify_upload(stored, "beach.mp4", COLORS)

    assert "cpd-upload" not in str(caught.value)


async def test_an_upload_that_lasts_too_long_is_refused(
    open_engine: Opener, tmp_path: Path
) -> None:
    stored = write_colors(tmp_path / "long.mp4", ["red"], seconds_each=3)

    async with open_engine(max_upload_seconds=2.0) as engine:
        with pytest.raises(UploadTooLargeError, match=r"long\.mp4 lasts 3 s"):
            await engine.classify_upload(stored, "long.mp4", COLORS)


# -- files ----------------------------------------------------------------------------------------


async def test_pages_of_videos_are_disjoint(open_engine: Opener) -> None:
    async with open_engine() as engine:
        first = await engine.videos(limit=2, offset=0)
        second = await engine.videos(limit=2, offset=2)

    assert (len(first.videos), len(second.videos)) == (2, 1)
    assert first.total == second.total == 3
    assert not {video.video_id for video in first.videos} & {
        video.video_id for video in second.videos
    }


async def test_the_file_of_a_video_is_the_one_that_was_indexed(open_engine: Opener) -> None:
    async with open_engine() as engine:
        file = await engine.media(await id_of(engine, "old.avi"))

    assert file.path.is_file()
    assert (file.file_name, file.content_type) == ("old.avi", "video/x-msvideo")


async def test_a_thumbnail_is_made_once(open_engine: Opener, tmp_path: Path) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "sunset.mp4")
        several = await asyncio.gather(
            *(engine.thumbnail(video_id, at_seconds=at) for at in (4.0, 4.01, 12.0))
        )

    assert several[0].path == several[1].path != several[2].path
    assert several[0].path.read_bytes().startswith(b"\xff\xd8")
    assert len(list((tmp_path / "cache").iterdir())) == 2


async def test_a_time_after_the_end_shows_the_end(open_engine: Opener) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "meadow.mp4")
        late = await engine.thumbnail(video_id, at_seconds=9999.0)

    assert late.path.read_bytes().startswith(b"\xff\xd8")


async def test_a_preview_is_a_small_mp4_of_the_moment(open_engine: Opener) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "old.avi")
        file = await engine.preview(video_id, start_seconds=2.0, stop_seconds=4.0)

    assert file.content_type == "video/mp4"
    assert file.path.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize(("start", "stop"), [(4.0, 4.0), (5.0, 3.0), (100.0, 110.0)])
async def test_a_preview_of_nothing_is_refused(
    open_engine: Opener, start: float, stop: float
) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "old.avi")
        with pytest.raises(InputError, match="nothing to preview"):
            await engine.preview(video_id, start_seconds=start, stop_seconds=stop)


async def test_an_unknown_video_is_unknown_everywhere(open_engine: Opener) -> None:
    async with open_engine() as engine:
        with pytest.raises(UnknownVideoError):
            await engine.media("f" * 32)
        with pytest.raises(UnknownVideoError):
            await engine.thumbnail("f" * 32, at_seconds=0.0)
        with pytest.raises(UnknownVideoError):
            await engine.classify_stored("f" * 32, COLORS)


async def id_of(engine: CPDEngine, name: str) -> str:
    """The id of the video whose file has this name."""
    page = await engine.videos(limit=10, offset=0)
    return next(video.video_id for video in page.videos if Path(video.path).name == name)
