"""The real engine on single videos: labels, uploads, pages, thumbnails, previews."""

import asyncio
from pathlib import Path

import pytest

from cpd_model.errors import InputError
from index.errors import NotAVideoError, UnknownVideoError
from service.core.errors import UploadTooLargeError
from service.core.labels import LabelOrder
from service.runtime.engine import CPDEngine
from tests.service.conftest import COLORS, Opener
from tests.service.videos import write_colors

# -- labels ---------------------------------------------------------------------------------------


async def test_a_stored_video_is_labelled_from_its_vectors(open_engine: Opener) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "meadow.mp4")
        answer = await engine.labels.of_stored(video_id, COLORS)

    assert answer.labels[0].label == "green"
    assert sum(score.probability for score in answer.labels) == pytest.approx(1, abs=1e-3)
    assert answer.timeline is None
    assert Path(answer.path).name == "meadow.mp4"


async def test_a_timeline_follows_the_video(open_engine: Opener) -> None:
    order = LabelOrder(labels=COLORS.labels, templates=("{}",), top=1, timeline=True)

    async with open_engine() as engine:
        answer = await engine.labels.of_stored(await id_of(engine, "sunset.mp4"), order)

    assert answer.timeline is not None
    assert [len(segment.labels) for segment in answer.timeline] == [1] * len(answer.timeline)
    assert answer.timeline[0].labels[0].label == "red"
    assert answer.timeline[-1].labels[0].label == "blue"


async def test_an_upload_is_labelled_under_the_name_it_came_with(
    open_engine: Opener, tmp_path: Path
) -> None:
    stored = write_colors(tmp_path / "tmp123.mp4", ["yellow"], seconds_each=2)

    async with open_engine() as engine:
        answer = await engine.labels.of_upload(stored, "beach.mp4", COLORS)

    assert answer.labels[0].label == "yellow"
    assert (answer.path, answer.video_id) == ("beach.mp4", None)


async def test_an_upload_that_is_no_video_is_named_as_its_sender_does(
    open_engine: Opener, tmp_path: Path
) -> None:
    stored = tmp_path / "cpd-upload-1"
    stored.write_text("once upon a time")

    async with open_engine() as engine:
        with pytest.raises(NotAVideoError, match=r"beach\.mp4") as caught:
            await engine.labels.of_upload(stored, "beach.mp4", COLORS)

    assert "cpd-upload" not in str(caught.value)


async def test_an_upload_that_lasts_too_long_is_refused(
    open_engine: Opener, tmp_path: Path
) -> None:
    stored = write_colors(tmp_path / "long.mp4", ["red"], seconds_each=3)

    async with open_engine(max_upload_seconds=2.0) as engine:
        with pytest.raises(UploadTooLargeError, match=r"long\.mp4 lasts 3 s"):
            await engine.labels.of_upload(stored, "long.mp4", COLORS)


# -- files ----------------------------------------------------------------------------------------


async def test_pages_of_videos_are_disjoint(open_engine: Opener) -> None:
    async with open_engine() as engine:
        first = await engine.videos.page(limit=2, offset=0)
        second = await engine.videos.page(limit=2, offset=2)

    assert (len(first.videos), len(second.videos)) == (2, 1)
    assert first.total == second.total == 3
    assert not {video.video_id for video in first.videos} & {
        video.video_id for video in second.videos
    }


async def test_the_file_of_a_video_is_the_one_that_was_indexed(open_engine: Opener) -> None:
    async with open_engine() as engine:
        file = await engine.media.original(await id_of(engine, "old.avi"))

    assert file.path.is_file()
    assert (file.file_name, file.content_type) == ("old.avi", "video/x-msvideo")


async def test_a_thumbnail_is_made_once(open_engine: Opener, tmp_path: Path) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "sunset.mp4")
        several = await asyncio.gather(
            *(engine.media.thumbnail(video_id, at_seconds=at) for at in (4.0, 4.01, 12.0))
        )

    assert several[0].path == several[1].path != several[2].path
    assert several[0].path.read_bytes().startswith(b"\xff\xd8")
    assert len(list((tmp_path / "cache").iterdir())) == 2


async def test_a_time_after_the_end_shows_the_end(open_engine: Opener) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "meadow.mp4")
        late = await engine.media.thumbnail(video_id, at_seconds=9999.0)

    assert late.path.read_bytes().startswith(b"\xff\xd8")


async def test_a_preview_is_a_small_mp4_of_the_moment(open_engine: Opener) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "old.avi")
        file = await engine.media.preview(video_id, start_seconds=2.0, stop_seconds=4.0)

    assert file.content_type == "video/mp4"
    assert file.path.read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize(("start", "stop"), [(4.0, 4.0), (5.0, 3.0), (100.0, 110.0)])
async def test_a_preview_of_nothing_is_refused(
    open_engine: Opener, start: float, stop: float
) -> None:
    async with open_engine() as engine:
        video_id = await id_of(engine, "old.avi")
        with pytest.raises(InputError, match="nothing to preview"):
            await engine.media.preview(video_id, start_seconds=start, stop_seconds=stop)


async def test_an_unknown_video_is_unknown_everywhere(open_engine: Opener) -> None:
    async with open_engine() as engine:
        with pytest.raises(UnknownVideoError):
            await engine.media.original("f" * 32)
        with pytest.raises(UnknownVideoError):
            await engine.media.thumbnail("f" * 32, at_seconds=0.0)
        with pytest.raises(UnknownVideoError):
            await engine.labels.of_stored("f" * 32, COLORS)


async def id_of(engine: CPDEngine, name: str) -> str:
    """The id of the video whose file has this name."""
    page = await engine.videos.page(limit=10, offset=0)
    return next(video.video_id for video in page.videos if Path(video.path).name == name)
