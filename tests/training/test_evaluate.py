"""Evaluations worked out by hand: videos of plain colours, and a model that knows colours."""

import csv

import numpy as np
import pytest

from cpd_model.errors import InputError
from cpd_model.testing import ColorEncoder
from tests.training.fakes import ConstantEncoder, TextDecoder
from training.evaluate import evaluate_retrieval, evaluate_zero_shot

RETRIEVAL_KEYS = [
    "recall_at_1",
    "recall_at_5",
    "recall_at_10",
    "median_rank",
    "mrr",
    "num_videos",
    "num_queries",
    "model",
    "seconds",
    "failures",
]
ZERO_SHOT_KEYS = [
    "top1",
    "top5",
    "mean_per_class",
    "num_videos",
    "num_classes",
    "model",
    "seconds",
    "failures",
]


@pytest.fixture
def encoder():
    return ColorEncoder()


@pytest.fixture
def decoder(encoder):
    return TextDecoder(encoder)


@pytest.fixture
def write_manifest(tmp_path):
    """Write one fake video for each name and segments, and a CSV with the given rows."""

    def write(videos, rows):
        for name, segments in videos.items():
            (tmp_path / name).write_text(segments)
        with (tmp_path / "clips.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "caption", "label"])
            writer.writerows(rows)
        return tmp_path / "clips.csv"

    return write


@pytest.fixture
def write_classes(tmp_path):
    def write(content):
        (tmp_path / "classes.txt").write_text(content)
        return tmp_path / "classes.txt"

    return write


def retrieval(manifest, encoder, decoder):
    return evaluate_retrieval(
        manifest, encoder, cache_root=manifest.parent / "cache", embed_files=decoder
    )


def zero_shot(manifest, classes, encoder, decoder):
    return evaluate_zero_shot(
        manifest, classes, encoder, cache_root=manifest.parent / "cache", embed_files=decoder
    )


def test_a_caption_finds_its_video_by_the_best_segment(write_manifest, encoder, decoder):
    manifest = write_manifest(
        {"a.mp4": "red", "b.mp4": "white white blue", "c.mp4": "green"},
        [("a.mp4", "a red wall", ""), ("b.mp4", "a blue sea", ""), ("c.mp4", "", "")],
    )

    result = retrieval(manifest, encoder, decoder)

    assert result.ranks_Q.tolist() == [1, 1]
    assert result.num_segments == 5
    figures = result.as_json()
    assert list(figures) == RETRIEVAL_KEYS
    assert figures | {"seconds": 0} == {
        "recall_at_1": 1.0,
        "recall_at_5": 1.0,
        "recall_at_10": 1.0,
        "median_rank": 1.0,
        "mrr": 1.0,
        "num_videos": 3,
        "num_queries": 2,
        "model": "color",
        "seconds": 0,
        "failures": [],
    }


def test_a_wrong_video_that_fits_better_costs_a_rank(write_manifest, encoder, decoder):
    manifest = write_manifest(
        {"a.mp4": "magenta", "b.mp4": "red", "c.mp4": "cyan"}, [("a.mp4", "red", "")]
    )
    write_manifest({}, [("a.mp4", "red", ""), ("b.mp4", "", ""), ("c.mp4", "", "")])

    result = retrieval(manifest, encoder, decoder)

    assert result.as_json()["recall_at_1"] == 0
    assert result.as_json()["mrr"] == 0.5


def test_two_rows_of_one_path_are_one_video_with_two_captions(write_manifest, encoder, decoder):
    manifest = write_manifest(
        {"a.mp4": "red", "b.mp4": "blue"},
        [("a.mp4", "red", ""), ("./a.mp4", "a red thing", ""), ("b.mp4", "blue", "")],
    )

    result = retrieval(manifest, encoder, decoder)

    assert (result.num_videos, len(result.ranks_Q), decoder.num_decoded) == (2, 3, 2)
    assert result.as_json()["recall_at_1"] == 1


def test_failed_and_missing_videos_are_misses_that_stay_in_the_pool(
    write_manifest, encoder, decoder
):
    manifest = write_manifest(
        {"a.mp4": "red", "b.mp4": "broken"},
        [("a.mp4", "red", ""), ("./b.mp4", "blue", ""), ("gone.mp4", "green", "")],
    )

    result = retrieval(manifest, encoder, decoder)

    figures = result.as_json()
    assert figures["num_videos"] == 3
    assert figures["num_queries"] == 3
    assert figures["recall_at_10"] == pytest.approx(1 / 3)
    assert figures["mrr"] == pytest.approx(1 / 3)
    assert figures["median_rank"] == 3
    assert figures["failures"] == [
        {"path": "./b.mp4", "reason": "moov atom not found"},
        {"path": "gone.mp4", "reason": "no such file"},
    ]
    assert "2 failed count as misses" in result.protocol


def test_a_model_that_gives_every_video_the_same_score_looks_bad(write_manifest, encoder):
    constant = ConstantEncoder(encoder)
    names = [f"{number}.mp4" for number in range(12)]
    manifest = write_manifest(
        {name: f"red{name}" for name in names}, [(name, "red", "run") for name in names]
    )
    manifest_classes = manifest.parent / "classes.txt"
    manifest_classes.write_text("run\n" + "\n".join(f"class{number}" for number in range(9)))

    found = retrieval(manifest, constant, TextDecoder(constant)).as_json()
    named = zero_shot(manifest, manifest_classes, constant, TextDecoder(constant)).as_json()

    assert (found["recall_at_10"], found["median_rank"]) == (0, 12)
    assert (named["top1"], named["top5"], named["mean_per_class"]) == (0, 0, 0)


def test_a_second_evaluation_decodes_nothing_and_says_the_same(write_manifest, encoder, decoder):
    manifest = write_manifest(
        {"a.mp4": "red", "b.mp4": "blue green"}, [("a.mp4", "red", ""), ("b.mp4", "blue", "")]
    )
    first = retrieval(manifest, encoder, decoder)

    def refuse(paths):
        raise AssertionError(f"asked to decode {paths}")

    second = retrieval(manifest, encoder, refuse)

    np.testing.assert_array_equal(second.ranks_Q, first.ranks_Q)
    assert second.protocol == first.protocol


def test_retrieval_without_a_caption_is_one_sentence(write_manifest, encoder, decoder):
    manifest = write_manifest({"a.mp4": "red"}, [("a.mp4", " ", "run")])

    with pytest.raises(InputError, match=r"no row of clips\.csv has a caption"):
        retrieval(manifest, encoder, decoder)


def test_only_rows_whose_label_is_a_class_count_and_all_classes_compete(
    write_manifest, write_classes, encoder, decoder
):
    manifest = write_manifest(
        {"a.mp4": "red red", "b.mp4": "blue", "c.mp4": "cyan", "d.mp4": "red"},
        [("a.mp4", "", "red"), ("b.mp4", "", "blue"), ("c.mp4", "", "cyan"), ("d.mp4", "", "blue")],
    )

    result = zero_shot(manifest, write_classes("1 red\n2 blue\n3 green\n"), encoder, decoder)

    figures = result.as_json()
    assert list(figures) == ZERO_SHOT_KEYS
    assert figures | {"seconds": 0} == {
        "top1": pytest.approx(2 / 3),
        "top5": 1.0,
        "mean_per_class": pytest.approx((1 + 1 / 2) / 2),
        "num_videos": 3,
        "num_classes": 3,
        "model": "color",
        "seconds": 0,
        "failures": [],
    }
    assert "all 3 classes of classes.txt competing" in result.protocol


def test_a_failed_video_is_named_wrong_even_among_few_classes(
    write_manifest, write_classes, encoder, decoder
):
    manifest = write_manifest(
        {"a.mp4": "broken", "b.mp4": "blue"}, [("a.mp4", "", "red"), ("b.mp4", "", "blue")]
    )

    figures = zero_shot(manifest, write_classes("red\nblue\n"), encoder, decoder).as_json()

    assert (figures["top1"], figures["top5"], figures["num_videos"]) == (0.5, 0.5, 2)
    assert figures["failures"] == [{"path": "a.mp4", "reason": "moov atom not found"}]


def test_one_video_in_two_rows_counts_once_but_may_not_have_two_labels(
    write_manifest, write_classes, encoder, decoder
):
    classes = write_classes("red\nblue\n")
    agreeing = [("a.mp4", "one", "red"), ("a.mp4", "two", "red")]
    manifest = write_manifest({"a.mp4": "red"}, agreeing)
    assert zero_shot(manifest, classes, encoder, decoder).as_json()["num_videos"] == 1

    manifest = write_manifest({"a.mp4": "red"}, [*agreeing, ("a.mp4", "", "blue")])

    with pytest.raises(InputError, match=r"two labels, red and blue"):
        zero_shot(manifest, classes, encoder, decoder)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(
            "jump\nswim\n", "no label in clips.csv is one of the 2 classes", id="strangers"
        ),
        pytest.param("", "holds no name", id="empty"),
        pytest.param(None, "cannot read the class list", id="missing"),
    ],
)
def test_a_class_list_that_fits_no_row_is_one_sentence(
    write_manifest, write_classes, encoder, decoder, content, sentence
):
    manifest = write_manifest({"a.mp4": "red"}, [("a.mp4", "", "red")])
    classes = manifest.parent / "none.txt" if content is None else write_classes(content)

    with pytest.raises(InputError, match=sentence):
        zero_shot(manifest, classes, encoder, decoder)
