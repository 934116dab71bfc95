"""The linear protocol on videos whose colours can, or cannot, be told apart."""

from pathlib import Path

import numpy as np
import pytest

from cpd_model.bundles.bundle import open_bundle
from cpd_model.errors import InputError
from cpd_model.testing import ColorEncoder, tiny_bundle
from tests.training.colored_clips import write_colors
from training.evaluation.cache import EmbeddedPool
from training.evaluation.linear import LinearChoice, evaluate_linear, fit_on_views
from training.evaluation.linear_probe import L2_CHOICES
from training.evaluation.splits import SplitVideo
from training.evaluation.views import Views

FEW_VIEWS = {"views": Views(2, 3), "train_views": Views(1, 1)}
SHADES = (0.6, 0.7, 0.8, 0.9, 1.0)


def separable_rows():
    """Five shades of two colours; the second and fourth of each are the test."""
    return [
        (color, shade, label, f"{label}{number}", "test" if number in (1, 3) else "train")
        for color, label in (("red", "stop"), ("green", "go"))
        for number, shade in enumerate(SHADES)
    ]


def linear(manifest, encoder, **changes):
    choice = LinearChoice(**FEW_VIEWS | changes)
    return evaluate_linear(manifest, encoder, choice=choice, cache_root=manifest.parent / "cache")


@pytest.fixture(scope="module")
def colors(tmp_path_factory):
    return write_colors(tmp_path_factory.mktemp("colors"), separable_rows())


def test_colours_that_differ_are_all_named_right(colors):
    result = linear(colors, ColorEncoder())

    figures = result.as_json()
    assert (figures["top1"], figures["mean_per_class"]) == (1, 1)
    assert figures["intervals"]["top1"] == (1, 1)
    assert figures["per_class"] == [
        {"name": "go", "num_videos": 2, "top1": 1.0},
        {"name": "stop", "num_videos": 2, "top1": 1.0},
    ]
    assert (figures["num_train_videos"], figures["num_videos"]) == (6, 4)
    assert (figures["views"], figures["train_views"], figures["split"]) == ("2x3", "1x1", 1)
    assert figures["failures"] == figures["warnings"] == []


def test_a_model_without_trunk_features_gives_its_embeddings_and_the_protocol_says_so(colors):
    result = linear(colors, ColorEncoder())

    assert result.as_json()["features"] == "embedding"
    assert "gives no features before its projection" in result.protocol
    assert "gives no features" not in linear(colors, ColorEncoder(), features="embedding").protocol


@pytest.mark.parametrize("tower", ["frames", "resnet3d"])
def test_a_tower_gives_its_features_before_the_projection(colors, tmp_path, tower):
    encoder = open_bundle(tiny_bundle(tmp_path / tower, video_tower=tower))

    result = linear(colors, encoder)

    figures = result.as_json()
    assert figures["features"] == "trunk"
    assert "features before the projection" in result.protocol
    assert "split 1: 6 train and 4 test videos of 2 classes" in result.protocol
    assert figures["top1"] == 1  # random features of plain colours differ well enough


def test_a_second_evaluation_decodes_nothing_and_says_the_same(colors, monkeypatch):
    first = linear(colors, ColorEncoder()).as_json()
    monkeypatch.setattr("training.evaluation.view_features.read_views", None)

    second = linear(colors, ColorEncoder()).as_json()

    assert second | {"seconds": 0} == first | {"seconds": 0}


def test_labels_that_mean_nothing_are_named_as_by_chance(tmp_path):
    random = np.random.default_rng(5)
    labels = random.permutation(["one", "two"] * 20)
    rows = [
        ("white", shade, label, "", "train" if number % 2 else "test")
        for number, (shade, label) in enumerate(zip(random.random(40), labels, strict=True))
    ]
    manifest = write_colors(tmp_path, rows)

    figures = linear(manifest, ColorEncoder(), views=Views(1, 1)).as_json()

    assert 0.2 < figures["top1"] < 0.8
    low, high = figures["intervals"]["top1"]
    assert low < 0.5 < high


def test_failed_test_videos_are_misses_and_failed_train_videos_are_left_out(tmp_path):
    manifest = write_colors(tmp_path, separable_rows())
    (tmp_path / "0-red.mkv").write_bytes(b"")
    (tmp_path / "8-green.mkv").unlink()

    figures = linear(manifest, ColorEncoder()).as_json()

    assert (figures["num_train_videos"], figures["num_videos"]) == (5, 4)
    assert figures["top1"] == 3 / 4
    assert [failure["path"] for failure in figures["failures"]] == ["0-red.mkv", "8-green.mkv"]


def test_where_nothing_of_a_class_can_be_read_is_one_sentence(tmp_path):
    manifest = write_colors(tmp_path, separable_rows())
    for number in (0, 2, 4):
        (tmp_path / f"{number}-red.mkv").write_bytes(b"")

    with pytest.raises(InputError, match="of fewer than two classes"):
        linear(manifest, ColorEncoder())


def drawn(num_videos):
    """Videos of two classes in turn, each of a group of its own, and one random view of each."""
    random = np.random.default_rng(7)
    videos = [SplitVideo(Path(f"{n}.mkv"), n % 2, "") for n in range(num_videos)]
    views = {
        video.path: random.normal(video.label, 1, (1, 6)).astype(np.float32) for video in videos
    }
    return videos, EmbeddedPool(embeddings=views)


def test_too_few_videos_to_choose_the_l2_by_is_said_and_nothing_is_chosen():
    """Two held-back clips once chose among six strengths: a draw of lots that looked like more."""
    videos, pool = drawn(16)

    _, l2, how = fit_on_views(videos, pool, num_classes=2)

    assert l2 == 0.01
    assert how == (
        "L2 0.01, fixed, for only 4 training videos can be held back to choose it by, "
        "and fewer than 6 would decide by chance"
    )


def test_enough_videos_choose_the_l2():
    videos, pool = drawn(40)

    _, l2, how = fit_on_views(videos, pool, num_classes=2)

    assert l2 in L2_CHOICES
    assert how == f"L2 {l2:g}, chosen on 10 training videos held back by group, of each class"


@pytest.mark.slow
@pytest.mark.long_faults
def test_real_clips_of_three_actions_are_told_apart(shared_data, start_bundle, tmp_path):
    """Four train and two test clips of each: a handful, so the bar is far above a third but low."""
    import csv

    with (shared_data / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("ucf101/")]
    kept = []
    for label in ("BabyCrawling", "PushUps", "Punch"):
        own = [row for row in rows if row["label"] == label]
        for part, count in (("train", 4), ("test", 2)):
            kept += [row for row in own if row["split"].split("/")[1] == part][::3][:count]
    with (tmp_path / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "split"])
        for row in kept:
            path = shared_data / row["path"]
            writer.writerow([path, row["label"], row["group"], row["split"]])

    result = linear(
        tmp_path / "clips.csv", open_bundle(start_bundle), split_number=2, views=Views(1, 1)
    )

    figures = result.as_json()
    assert (figures["num_train_videos"], figures["num_videos"]) == (12, 6)
    assert figures["failures"] == []
    assert figures["top1"] >= 4 / 6
