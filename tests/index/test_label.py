"""Labels of a video add up, come likeliest first, and follow what happens when."""

from pathlib import Path

import pytest

from cpd_model.errors import InputError
from cpd_model.testing import ColorEncoder
from index.decoding.pool import DecodePool
from index.errors import VideoError
from index.label import LabelledVideo, check_labels, label_video, read_labels, weakness_of
from tests.index.colored_videos import Scene, write_video
from tests.index.fake_decoder import FakeDecoder

ENCODER = ColorEncoder()
LABELS = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> LabelledVideo:
    """Eight seconds of green, then four of red."""
    path = tmp_path_factory.mktemp("videos") / "video.mp4"
    write_video(path, Scene("green", 8), Scene("red", 4))
    with DecodePool(num_workers=1) as pool:
        return label_video(path, LABELS, ENCODER, pool)


def test_the_whole_video_is_labelled_by_what_fills_it(labelled: LabelledVideo) -> None:
    assert [score.label for score in labelled.labels] == ["green", "red", "blue"]
    assert sum(score.probability for score in labelled.labels) == pytest.approx(1, abs=1e-5)
    assert labelled.labels[0].probability == pytest.approx(0.7, abs=0.15)


def test_the_timeline_follows_the_scenes(labelled: LabelledVideo) -> None:
    best = [(part.start_seconds, part.labels[0].label) for part in labelled.segments]

    assert best[0] == (0, "green")
    assert best[-1] == (8, "red")
    assert [start for start, _ in best] == [0, 2, 4, 6, 8]


def test_json_holds_the_top_labels_only(labelled: LabelledVideo) -> None:
    content = labelled.as_json(top=1)

    assert content["labels"] == [{"label": "green", "probability": labelled.labels[0].probability}]
    assert list(content["segments"][0]) == ["start_seconds", "stop_seconds", "labels"]
    assert len(content["segments"][0]["labels"]) == 1


def test_a_video_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "bad.mp4"
    path.touch()

    with FakeDecoder({}) as decoder, pytest.raises(VideoError, match="no frame in it"):
        label_video(path, LABELS, ENCODER, decoder)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("red,green", ["red", "green"]), (" red , hot dog ,", ["red", "hot dog"])],
)
def test_labels_are_words_between_commas(words: str, expected: list[str]) -> None:
    assert read_labels(words=words, file=None) == expected


def test_labels_are_lines_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_text("1 ApplyEyeMakeup\n2 Archery\n")

    assert read_labels(words=None, file=file) == ["ApplyEyeMakeup", "Archery"]


@pytest.mark.parametrize("content", [b"", b"only one\n", b"\xff\xfe\x00", None])
def test_a_file_that_holds_no_labels_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "labels.txt"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(InputError):
        read_labels(words=None, file=file)


def test_the_model_made_from_labels_of_pictures_is_called_weak() -> None:
    assert "weak" in str(weakness_of("cpd-start"))
    assert "one clip in four" in str(weakness_of("cpd-base"))
    assert "108 of them of three actions" in str(weakness_of("cpd-base"))
    assert weakness_of("some/other") is None


@pytest.mark.parametrize(
    "labels",
    [["dog", " dog ", "cat"], ["PushUps", "push ups", "Punch"], ["Red", "red", "blue"]],
    ids=str,
)
def test_labels_that_are_read_as_the_same_words_are_one(labels: list[str]) -> None:
    """Each would get half of the probability."""
    with pytest.raises(InputError, match=f"give each label once, got {labels[0]}, {labels[1]} "):
        check_labels(labels)
