"""What an answer shows of itself at a prompt: name, times, score, shape; never its numbers."""

from dataclasses import replace
from pathlib import Path

import cpd
from cpd_model.testing import tiny_bundle
from index.label import LabelScore
from tests.index.libraries import make_library

HIT = cpd.Hit(
    video_id="f" * 32,
    path=Path("/videos/red.mp4"),
    start_seconds=2.0,
    stop_seconds=8.0,
    score=0.93412,
    segment_id=7,
)


def test_a_hit_tells_where_and_how_well() -> None:
    assert repr(HIT) == "Hit('red.mp4', 2.0-8.0 s, score 0.934)"


def test_a_name_that_is_no_utf_8_can_be_printed() -> None:
    """A terminal refuses half a character."""
    hit = replace(HIT, path=Path("/videos/caf\udce9.mp4"))

    assert repr(hit).encode().startswith(b"Hit('caf\\udce9.mp4'")


def test_hits_are_compared_by_what_they_hold() -> None:
    assert replace(HIT) == HIT
    assert replace(HIT, score=0.5) != HIT


def test_a_video_tells_its_name_length_and_size(tmp_path: Path) -> None:
    with make_library(tmp_path / "library", num_videos=1) as library:
        (video,) = library.videos(limit=1)

    assert repr(video) == "VideoRow('0.mp4', 12.5 s, 64x48 pixels, h264, 3 segments)"
    assert video == replace(video)


def test_labels_are_told_from_the_likeliest() -> None:
    scores = [LabelScore(f"label{i}", (4 - i) / 10) for i in range(4)]
    labelled = cpd.LabelledVideo(
        path=Path("/videos/red.mp4"), model="color", labels=scores, segments=[]
    )

    assert repr(labelled) == (
        "LabelledVideo('red.mp4': label0 0.400, label1 0.300, label2 0.200, ...; "
        "4 labels, 0 segments, model 'color')"
    )


def test_an_encoder_tells_its_clips_and_its_space(tmp_path: Path) -> None:
    encoder = cpd.load_encoder(tiny_bundle(tmp_path / "tiny"), device="cpu")

    assert repr(encoder) == (
        f"CPDFrameEncoder({str(tmp_path / 'tiny')!r}, (4, 32, 32, 3) clips -> (8,), cpu, "
        f"fingerprint {encoder.fingerprint[:12]})"
    )
