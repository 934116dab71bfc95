"""Retrieval worked out by hand: videos of plain colours, and a model that knows colours."""

import numpy as np
import pytest

from cpd_model.errors import InputError
from tests.training.evaluation.by_hand import retrieval, zero_shot
from tests.training.fakes import ConstantEncoder, TextDecoder

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
    assert [failure.path for failure in result.failures] == [
        manifest.parent / "b.mp4",
        manifest.parent / "gone.mp4",
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


def test_a_video_finds_its_captions_by_the_best_of_them(write_manifest, encoder, decoder):
    manifest = write_manifest(
        {"a.mp4": "red", "b.mp4": "blue white", "c.mp4": "green", "d.mp4": "broken"},
        [
            ("a.mp4", "blue", ""),  # misleading
            ("a.mp4", "a red thing", ""),
            ("b.mp4", "cyan", ""),  # blue is nearer, but it is another video's
            ("c.mp4", "", ""),
            ("d.mp4", "green", ""),
        ],
    )

    result = retrieval(manifest, encoder, decoder)

    # cosine of blue (-1,-1,1,.5) with cyan (-1,1,1,.5) is 1.25/3.25, as is white's; with blue 1
    assert result.video_ranks_V.tolist() == [1, 2, np.inf]
    details = result.details_as_json()
    back = details["video_to_text"]
    assert back["recall_at_1"] == pytest.approx(1 / 3)
    assert back["mrr"] == pytest.approx((1 + 1 / 2) / 3)
    assert back["median_rank"] == 2
    assert (back["num_queries"], back["num_captions"]) == (3, 4)
    low, high = details["intervals"]["recall_at_1"]
    assert 0 <= low <= result.as_json()["recall_at_1"] <= high <= 1
    assert "3 videos that have a caption, each against all 4 captions" in details["protocol"]


def test_a_model_that_knows_nothing_looks_bad_the_other_way_round_too(write_manifest, encoder):
    constant = ConstantEncoder(encoder)
    names = [f"{number}.mp4" for number in range(12)]
    manifest = write_manifest(
        {name: f"red{name}" for name in names}, [(name, "red", "") for name in names]
    )

    back = retrieval(manifest, constant, TextDecoder(constant)).details_as_json()["video_to_text"]

    assert (back["recall_at_10"], back["median_rank"]) == (0, 12)
