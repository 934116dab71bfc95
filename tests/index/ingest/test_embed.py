"""The pipeline gives what decoding everything and embedding clip by clip would, come what may."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpd_model.encoder import Encoder, Frames, Vectors
from cpd_model.errors import DeviceError
from cpd_model.testing import ColorEncoder
from index.ingest.embed import embed_videos
from index.ingest.outcomes import CHANGED, EmbeddedVideo, FailedEmbedding, KnownVideo, Outcome
from index.ingest.pipeline import Bounds
from index.ingest.sampling import plan_sampling
from tests.index.fake_decoder import FakeDecoder, painted_frames

DURATIONS = {"a": 0.04, "b": 3.0, "c": 9.7, "d": 61.3, "e": 4.0, "f": 8.0}
SMALL = Bounds(memory_bytes=40 * 16 * 16 * 3, task_bytes=10 * 16 * 16 * 3, batch_frames=7)


class ClipEncoder:
    """A ColorEncoder that hides that it works frame by frame."""

    def __init__(self) -> None:
        colors = ColorEncoder()
        self._colors = colors
        self.name, self.fingerprint = "clips", colors.fingerprint
        self.embed_dim, self.clip_spec = colors.embed_dim, colors.clip_spec
        self.temperature, self.device = colors.temperature, colors.device

    def encode_video(self, clips_BTHWC: Frames) -> Vectors:
        return self._colors.encode_video(clips_BTHWC)

    def encode_text(self, texts: Any) -> Vectors:
        return self._colors.encode_text(texts)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for name in DURATIONS:
        (tmp_path / name).write_text(f"content of {name}")
    return [tmp_path / name for name in DURATIONS]


def slow_twin(path: Path, encoder: Encoder, window_seconds: float, hop_seconds: float) -> Vectors:
    """Each segment's own frames, one segment after the other, nothing shared."""
    plan = plan_sampling(
        DURATIONS[path.name],
        window_seconds=window_seconds,
        hop_seconds=hop_seconds,
        num_frames=encoder.clip_spec.num_frames,
        span_seconds=encoder.clip_spec.span_seconds,
    )
    rows = [
        encoder.encode_video(
            painted_frames(path, plan.times_N[index_T].tolist(), encoder.clip_spec)[None]
        )[0]
        for index_T in plan.frame_index_ST
    ]
    return np.stack(rows)


def run(
    paths: Iterable[Path], encoder: Encoder, decoder: FakeDecoder, **options: Any
) -> dict[str, Outcome]:
    options.setdefault("bounds", SMALL)
    with decoder:
        outcomes = list(embed_videos(paths, encoder, decoder, **options))
    by_name = {outcome.path.name: outcome for outcome in outcomes}
    assert len(by_name) == len(outcomes)
    return by_name


@pytest.mark.parametrize("encoder", [ColorEncoder(), ClipEncoder()], ids=["frames", "clips"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("window_seconds", "hop_seconds"), [(4.0, 2.0), (4.0, 4.0), (3.0, 0.7), (1.0, 1.0)]
)
def test_equals_the_slow_twin_in_any_order_of_completion(
    files: list[Path], encoder: Encoder, seed: int, window_seconds: float, hop_seconds: float
) -> None:
    decoder = FakeDecoder(DURATIONS, seed=seed, num_held=1 + 2 * seed)

    outcomes = run(files, encoder, decoder, window_seconds=window_seconds, hop_seconds=hop_seconds)

    assert sorted(outcomes) == sorted(DURATIONS)
    for path in files:
        video = outcomes[path.name]
        assert isinstance(video, EmbeddedVideo)
        expected_SD = slow_twin(path, encoder, window_seconds, hop_seconds)
        np.testing.assert_allclose(video.embeddings_SD, expected_SD, atol=1e-6)
        assert len(video.segments) == len(expected_SD)


def test_a_frame_encoder_sees_each_frame_once(files: list[Path]) -> None:
    seen: list[Frames] = []

    class Counting(ColorEncoder):
        def encode_frames(self, frames_NHWC: Frames) -> Vectors:
            seen.append(frames_NHWC)
            return super().encode_frames(frames_NHWC)

    run(files, Counting(), FakeDecoder(DURATIONS))

    plans = [
        plan_sampling(seconds, window_seconds=4.0, hop_seconds=2.0, num_frames=4)
        for seconds in DURATIONS.values()
    ]
    assert sum(map(len, seen)) == sum(len(plan.times_N) for plan in plans)


def test_short_clips_share_batches(tmp_path: Path) -> None:
    names = [f"clip{i}" for i in range(40)]
    for name in names:
        (tmp_path / name).write_text(name)
    sizes: list[int] = []

    class Counting(ColorEncoder):
        def encode_frames(self, frames_NHWC: Frames) -> Vectors:
            sizes.append(len(frames_NHWC))
            return super().encode_frames(frames_NHWC)

    decoder = FakeDecoder(dict.fromkeys(names, 1.0), num_held=1, num_workers=4)
    bounds = Bounds(memory_bytes=2**20, task_bytes=2**20, batch_frames=32)

    run([tmp_path / name for name in names], Counting(), decoder, bounds=bounds)

    assert sum(sizes) == 40 * 4
    assert max(sizes) <= 32
    assert len(sizes) < 40


@pytest.mark.parametrize("seed", range(3))
def test_frames_in_flight_stay_within_the_bound(files: list[Path], seed: int) -> None:
    frame_bytes = 16 * 16 * 3
    num_asked = num_encoded = peak_frames = 0

    def on_read(path: Path, count: int) -> None:
        nonlocal num_asked, peak_frames
        num_asked += count
        peak_frames = max(peak_frames, num_asked - num_encoded)

    class Counting(ColorEncoder):
        def encode_frames(self, frames_NHWC: Frames) -> Vectors:
            nonlocal num_encoded
            num_encoded += len(frames_NHWC)
            return super().encode_frames(frames_NHWC)

    decoder = FakeDecoder(DURATIONS, seed=seed, on_read=on_read, num_held=6, num_workers=8)
    run(files, Counting(), decoder)

    assert num_asked == num_encoded
    assert 10 * frame_bytes < peak_frames * frame_bytes <= SMALL.memory_bytes


def test_a_long_video_uses_every_decoder(files: list[Path]) -> None:
    tasks: list[Path] = []
    decoder = FakeDecoder(DURATIONS, on_read=lambda path, count: tasks.append(path))

    run([files[3]], ColorEncoder(), decoder)

    assert len(tasks) == 7  # 61 frames, ten at most in each


@pytest.mark.parametrize("encoder", [ColorEncoder(), ClipEncoder()], ids=["frames", "clips"])
def test_one_bad_file_among_good_ones(files: list[Path], encoder: Encoder) -> None:
    decoder = FakeDecoder(DURATIONS, bad_reads={"d": 30.0}, seed=1)

    outcomes = run(files, encoder, decoder)

    failed = outcomes.pop("d")
    assert isinstance(failed, FailedEmbedding)
    assert failed.reason == "it is damaged"
    assert failed.is_video
    assert all(isinstance(video, EmbeddedVideo) for video in outcomes.values())


def test_a_file_that_cannot_be_probed_and_one_that_is_gone(files: list[Path]) -> None:
    files[1].unlink()
    durations = {name: seconds for name, seconds in DURATIONS.items() if name != "c"}

    outcomes = run(files, ColorEncoder(), FakeDecoder(durations))

    assert outcomes["b"] == FailedEmbedding(
        files[1],
        "no such file or directory",
        None,
        is_video=True,
        is_final=False,
        code="unreadable",
    )
    failed = outcomes["c"]
    assert isinstance(failed, FailedEmbedding)
    assert failed.reason == "no frame in it"
    assert sum(isinstance(video, EmbeddedVideo) for video in outcomes.values()) == 4


def test_a_hung_file_stalls_nobody_and_gets_one_decoder(files: list[Path]) -> None:
    tasks: list[str] = []
    decoder = FakeDecoder(
        DURATIONS, hung=frozenset("d"), on_read=lambda path, count: tasks.append(path.name)
    )

    with decoder:
        outcomes = embed_videos(files, ColorEncoder(), decoder, bounds=SMALL)
        finished = {next(outcomes).path.name for _ in range(5)}
        outcomes.close()

    assert finished == set("abcef")
    assert tasks.count("d") == 1


def test_a_batch_that_fails_is_tried_again_video_by_video(files: list[Path]) -> None:
    poison = painted_frames(files[2], [0.5], ColorEncoder().clip_spec)[0, 0, 0].tolist()

    class Choking(ColorEncoder):
        def encode_frames(self, frames_NHWC: Frames) -> Vectors:
            if (frames_NHWC[:, 0, 0] == poison).all(axis=1).any():
                raise RuntimeError("it choked")
            return super().encode_frames(frames_NHWC)

    outcomes = run(files, Choking(), FakeDecoder(DURATIONS))

    failed = outcomes.pop("c")
    assert isinstance(failed, FailedEmbedding)
    assert failed.reason == "the model could not embed it: it choked"
    assert len(outcomes) == 5
    assert all(isinstance(video, EmbeddedVideo) for video in outcomes.values())


def test_values_that_are_not_finite_are_a_failure(files: list[Path]) -> None:
    class Empty(ColorEncoder):
        def encode_frames(self, frames_NHWC: Frames) -> Vectors:
            return np.full((len(frames_NHWC), 3), np.nan, dtype=np.float32)

    outcomes = run(files[:1], Empty(), FakeDecoder(DURATIONS))

    failed = outcomes["a"]
    assert isinstance(failed, FailedEmbedding)
    assert "not finite" in failed.reason


def test_an_encoder_that_lost_its_device_ends_the_run(files: list[Path]) -> None:
    class Lost(ColorEncoder):
        def encode_frames(self, frames_NHWC: Frames) -> Vectors:
            raise DeviceError("the GPU is gone")

    with pytest.raises(DeviceError):
        run(files, Lost(), FakeDecoder(DURATIONS))


def test_a_file_that_changes_while_it_is_read_is_not_taken(files: list[Path]) -> None:
    def append(path: Path, count: int) -> None:
        if path.name == "c":
            with path.open("a") as file:
                file.write("more")

    outcomes = run(files, ColorEncoder(), FakeDecoder(DURATIONS, on_read=append))

    failed = outcomes["c"]
    assert isinstance(failed, FailedEmbedding)
    assert failed.reason == CHANGED
    assert not failed.is_final


def test_windows_inside_a_gap_cost_nothing(files: list[Path]) -> None:
    """One damaged timestamp used to make a window for every two seconds of a day."""
    durations = {"a": 80_000.0}
    decoder = FakeDecoder(durations, gaps={"a": [(3.0, 50_000.0), (50_000.0, 80_000.0)]})

    outcomes = run(files[:1], ColorEncoder(), decoder)

    video = outcomes["a"]
    assert isinstance(video, EmbeddedVideo)
    starts = [segment.start_seconds for segment in video.segments]
    assert starts == [0, 2, 49_998, 50_000]


def test_known_content_is_not_decoded(files: list[Path]) -> None:
    tasks: list[str] = []
    decoder = FakeDecoder(DURATIONS, on_read=lambda path, count: tasks.append(path.name))

    outcomes = run(
        files, ColorEncoder(), decoder, known=lambda path, content_hash: path.name in "bd"
    )

    assert {name for name, video in outcomes.items() if isinstance(video, KnownVideo)} == {"b", "d"}
    assert set(tasks) == set("acef")


def test_segments_are_reported_as_they_come(files: list[Path]) -> None:
    counts: list[int] = []

    outcomes = run(files, ColorEncoder(), FakeDecoder(DURATIONS), on_segments=counts.append)

    videos = [video for video in outcomes.values() if isinstance(video, EmbeddedVideo)]
    assert sum(counts) == sum(len(video.segments) for video in videos)
    assert len(counts) > len(videos)


def test_paths_are_drawn_as_they_are_needed(tmp_path: Path) -> None:
    def paths() -> Iterable[Path]:
        for number in itertools.count():
            path = tmp_path / f"{number}"
            path.write_text(path.name)
            yield path

    durations = {str(number): 1.0 for number in range(1000)}
    with FakeDecoder(durations) as decoder:
        outcomes = embed_videos(paths(), ColorEncoder(), decoder, bounds=SMALL)
        next(iter(outcomes))
        outcomes.close()

    assert len(decoder.probed) < 100


@pytest.mark.parametrize("name", ["memory_bytes", "task_bytes", "batch_frames"])
def test_bounds_are_positive(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Bounds(**{name: 0})
