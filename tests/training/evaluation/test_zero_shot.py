"""Zero-shot figures worked out by hand: videos of plain colours, and a model that knows colours."""

import numpy as np
import pytest

from cpd_model.errors import InputError
from tests.training.evaluation.by_hand import zero_shot
from training.evaluation.zero_shot import evaluate_zero_shot_half

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


def test_each_class_that_occurs_has_its_own_figures(
    write_manifest, write_classes, encoder, decoder
):
    manifest = write_manifest(
        {"a.mp4": "red red", "b.mp4": "blue", "d.mp4": "red"},
        [("a.mp4", "", "red"), ("b.mp4", "", "blue"), ("d.mp4", "", "blue")],
    )

    details = zero_shot(
        manifest, write_classes("1 red\n2 blue\n3 green\n"), encoder, decoder
    ).details_as_json()

    assert details["per_class"] == [
        {"name": "red", "num_videos": 1, "top1": 1.0},
        {"name": "blue", "num_videos": 2, "top1": 0.5},
    ]
    low, high = details["intervals"]["top1"]
    assert low <= 2 / 3 <= high


def half(manifest, classes, encoder, decoder, **options):
    return evaluate_zero_shot_half(
        manifest,
        classes,
        encoder,
        cache_root=manifest.parent / "cache",
        embed_files=decoder,
        **options,
    )


def test_only_half_of_the_classes_compete_for_their_own_videos(
    write_manifest, write_classes, encoder, decoder
):
    colors = ["red", "blue", "green", "cyan", "yellow"]
    manifest = write_manifest(
        {f"{color}.mp4": color for color in colors},
        [(f"{color}.mp4", "", color) for color in colors],
    )
    classes = write_classes("\n".join(colors))

    result = half(manifest, classes, encoder, decoder, num_draws=4, seed=1)

    assert [len(draw.class_names) for draw in result.draws] == [2, 2, 2, 2]
    assert len({tuple(draw.class_names) for draw in result.draws}) > 1
    assert [draw.num_videos for draw in result.draws] == [2, 2, 2, 2]
    figures = result.as_json()
    assert (figures["top1"], figures["std"]["top1"], figures["num_classes"]) == (1, 0, 2)
    assert "2 of the 5 classes of classes.txt drawn 4 times (seed 1)" in result.protocol
    assert "not comparable with all classes competing" in result.protocol
    again = half(manifest, classes, encoder, decoder, num_draws=4, seed=1)
    assert again.draws == result.draws


def test_draws_without_a_video_are_left_out_and_said(
    write_manifest, write_classes, encoder, decoder
):
    manifest = write_manifest({"a.mp4": "red"}, [("a.mp4", "", "red")])
    classes = write_classes("red\nblue\ngreen\ncyan\n")

    result = half(manifest, classes, encoder, decoder, num_draws=20)

    assert 0 < result.num_empty_draws < 20
    assert len(result.draws) == 20 - result.num_empty_draws
    assert f"{result.num_empty_draws} without a video left out" in result.protocol
    assert all("red" in draw.class_names for draw in result.draws)


def test_the_mean_and_the_spread_are_over_the_draws(
    write_manifest, write_classes, encoder, decoder
):
    manifest = write_manifest(
        {"a.mp4": "red", "b.mp4": "blue"}, [("a.mp4", "", "red"), ("b.mp4", "", "cyan")]
    )

    result = half(manifest, write_classes("red\nblue\ngreen\ncyan\n"), encoder, decoder)

    shares = [draw.top1 for draw in result.draws]
    assert len(set(shares)) > 1  # b.mp4 is named wrong where blue competes with cyan
    assert result.as_json()["top1"] == pytest.approx(np.mean(shares))
    assert result.as_json()["std"]["top1"] == pytest.approx(np.std(shares))


def test_one_class_is_no_choice(write_manifest, write_classes, encoder, decoder):
    """Every answer would be right."""
    manifest = write_manifest({"a.mp4": "red"}, [("a.mp4", "", "red")])

    with pytest.raises(InputError, match="names one class alone, red: with no other to choose"):
        zero_shot(manifest, write_classes("red\n"), encoder, decoder)


def test_half_of_a_list_of_three_is_no_choice(write_manifest, write_classes, encoder, decoder):
    manifest = write_manifest({"a.mp4": "red"}, [("a.mp4", "", "red")])

    with pytest.raises(InputError, match="expected 4 or more"):
        half(manifest, write_classes("red\nblue\ngreen\n"), encoder, decoder)
