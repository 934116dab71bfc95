"""`cpd.evaluate` asks the protocols of `training` what a person asks, with people's paths."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cpd
from cpd_model.testing import ColorEncoder, tiny_bundle
from tests.training.colored_clips import write_colors

ENCODER = ColorEncoder()


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder with coloured clips, a list of them that has all columns, and class names."""
    home = tmp_path_factory.mktemp("home")
    rows = [
        (color, shade, label, f"{label}{number}", part)
        for color, label in (("red", "red"), ("green", "green"))
        for number, (shade, part) in enumerate(((0.8, "train"), (0.9, "test"), (1.0, "train")))
    ]
    splits = write_colors(home, rows)
    with splits.open(newline="") as file, (home / "captions.csv").open("w", newline="") as other:
        writer = csv.writer(other)
        writer.writerow(["path", "caption", "label"])
        for row in csv.DictReader(file):
            writer.writerow([row["path"], f"all is {row['label']}", row["label"]])
    splits.rename(home / "splits.csv")
    (home / "classes.txt").write_text("red\ngreen\nblue\nblack\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        yield home


def test_retrieval_searches_the_videos_for_each_caption() -> None:
    result = cpd.evaluate.retrieval("~/captions.csv", model=ENCODER)

    assert (result.num_videos, len(result.ranks_Q), result.model) == (6, 6, "color")
    assert result.ranks_Q.max() <= 3
    assert repr(result).startswith("RetrievalResult(6 captions, 6 videos: recall at 1 ")
    assert "array" not in repr(result)


def test_zero_shot_names_each_video() -> None:
    result = cpd.evaluate.zero_shot("~/captions.csv", "~/classes.txt", model=ENCODER)

    assert result.as_json()["top1"] == 1
    assert repr(result) == "ZeroShotResult(6 videos, 4 classes: top-1 1.000, model 'color')"


@pytest.mark.parametrize(
    ("measure", "name"),
    [
        (lambda: cpd.evaluate.retrieval("~/captions.csv", model=ENCODER), "recall_at_1"),
        (
            lambda: cpd.evaluate.zero_shot("~/captions.csv", "~/classes.txt", model=ENCODER),
            "top1",
        ),
        (
            lambda: cpd.evaluate.zero_shot_half("~/captions.csv", "~/classes.txt", model=ENCODER),
            "top5",
        ),
        (
            lambda: cpd.evaluate.linear("~/splits.csv", views="1x1", model=ENCODER),
            "mean_per_class",
        ),
    ],
)
def test_a_result_gives_its_figures_as_numbers(measure: Callable[[], Any], name: str) -> None:
    """By their names in JSON, without a look into JSON."""
    result = measure()

    assert 0 <= result.figures[name] <= 1
    assert result.figures.items() <= result.as_json().items()


NAMES = ["red", "green", "blue", "black"]


def test_class_names_may_be_a_list() -> None:
    """As for `Library.label`; it is what the file of them says."""
    listed = cpd.evaluate.zero_shot("~/captions.csv", NAMES, model=ENCODER)
    filed = cpd.evaluate.zero_shot("~/captions.csv", "~/classes.txt", model=ENCODER)

    assert (listed.class_names, listed.figures) == (filed.class_names, filed.figures)
    assert "all 4 classes of the given list competing" in listed.protocol


def test_half_of_a_list_of_classes_competes() -> None:
    result = cpd.evaluate.zero_shot_half("~/captions.csv", iter(NAMES), num_draws=3, model=ENCODER)

    assert "2 of the 4 classes of the given list drawn 3 times" in result.protocol


def test_a_classifier_learns_the_classes_of_a_list() -> None:
    result = cpd.evaluate.linear(
        "~/splits.csv", classes=NAMES, views="1x1", train_views="1x1", model=ENCODER
    )

    assert result.split.class_names == ["green", "red"]


def test_a_class_that_a_list_names_twice_is_refused() -> None:
    with pytest.raises(cpd.InputError, match="give each label once, got push ups, PushUps"):
        cpd.evaluate.zero_shot("~/captions.csv", ["push ups", "red", "PushUps"], model=ENCODER)


def test_half_of_the_classes_compete() -> None:
    result = cpd.evaluate.zero_shot_half(
        "~/captions.csv", "~/classes.txt", num_draws=3, model=ENCODER
    )

    assert (result.num_classes, len(result.draws) + result.num_empty_draws) == (2, 3)
    assert repr(result).startswith("HalfZeroShotResult(")


def test_a_linear_classifier_learns_the_colours() -> None:
    result = cpd.evaluate.linear("~/splits.csv", views="1x1", train_views="1x1", model=ENCODER)

    assert result.as_json()["top1"] == 1
    assert (
        repr(result)
        == "ClassifierResult(2 test videos, 2 classes: top-1 1.000, split 1, model 'color')"
    )


def test_an_official_split_is_called_by_its_number() -> None:
    """The word `split` of the other protocols is another thing."""
    result = cpd.evaluate.linear(
        "~/splits.csv", split_number=1, views="1x1", train_views="1x1", model=ENCODER
    )

    assert result.split.number == 1


def test_finetuning_takes_the_folder_of_a_bundle(home: Path) -> None:
    tiny_bundle(home / "tiny")
    settings = cpd.evaluate.FinetuneSettings(epochs=1, batch_size=2)

    result = cpd.evaluate.finetune(
        "~/splits.csv", views="1x1", settings=settings, out="~/tuned", model=home / "tiny"
    )

    assert result.num_train_videos == 4
    assert (home / "tuned" / "classifier.safetensors").is_file()


def test_the_authors_linear_classification_is_offered(home: Path) -> None:
    """As `cpd evaluate linear --protocol authors` has it: the tower rests, in train mode."""
    tiny_bundle(home / "small")
    settings = replace(cpd.evaluate.AUTHORS_LINEAR, epochs=1, batch_size=2)

    result = cpd.evaluate.finetune(
        "~/splits.csv", views="1x1", settings=settings, model=home / "small"
    )

    assert (settings.protocol, result.as_json()["frozen"]) == ("authors", True)


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda: cpd.evaluate.retrieval(3), "manifest is a path, a str or a Path, got int"),
        (
            lambda: cpd.evaluate.zero_shot("~/captions.csv", 3, model=ENCODER),
            "classes is a path or a list of texts, got int",
        ),
        (
            lambda: cpd.evaluate.linear("~/splits.csv", classes=["red", 3], model=ENCODER),
            "classes is a list of texts, got int in it",
        ),
        (lambda: cpd.evaluate.retrieval("~/captions.csv", model=3), "model is a name, a folder"),
        (lambda: cpd.evaluate.finetune("~/splits.csv", model=ENCODER), "the name or the folder"),
        (lambda: cpd.evaluate.finetune("~/splits.csv", settings={"epochs": 1}), "FinetuneSettings"),
        (
            lambda: cpd.evaluate.linear("~/splits.csv", split_number="1", model=ENCODER),
            "split_number is a whole number, got the str '1'",
        ),
        (
            lambda: cpd.evaluate.finetune("~/splits.csv", split_number=True, model="~/tiny"),
            "split_number is a whole number, got the bool True",
        ),
        (
            lambda: cpd.evaluate.retrieval("~/captions.csv", split=1, model=ENCODER),
            "split is a text, got the int 1",
        ),
        (
            lambda: cpd.evaluate.zero_shot("~/captions.csv", "~/classes.txt", split=1),
            "split is a text, got the int 1",
        ),
        (
            lambda: cpd.evaluate.linear("~/splits.csv", views=3, model=ENCODER),
            "views is a text, got the int 3",
        ),
        (
            lambda: cpd.evaluate.linear("~/splits.csv", train_views=(3, 1), model=ENCODER),
            r"train_views is a text, got the tuple \(3, 1\)",
        ),
        (
            lambda: cpd.evaluate.finetune("~/splits.csv", views=3, model="~/tiny"),
            "views is a text, got the int 3",
        ),
        (
            lambda: cpd.evaluate.finetune("~/splits.csv", num_frames="8", model="~/tiny"),
            "num_frames is a whole number, got the str '8'",
        ),
        (lambda: half(num_draws="3"), "num_draws is a whole number, got the str '3'"),
        (lambda: half(seed=0.5), "seed is a whole number, got the float 0.5"),
    ],
)
def test_what_is_of_the_wrong_kind_is_one_sentence(slip: Callable[[], object], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        slip()


def test_a_list_that_is_not_there_does_not_wait_for_the_model() -> None:
    with pytest.raises(cpd.InputError, match=r"gone\.csv"):
        cpd.evaluate.retrieval("~/gone.csv", model="no/such-model")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: half(num_draws=0), "num_draws must be 1 or more, got 0"),
        (lambda: half(seed=-1), "seed must be 0 or more, got -1"),
        (
            lambda: cpd.evaluate.linear("~/splits.csv", features="last", model=ENCODER),
            "features must be trunk or embedding, got 'last'",
        ),
        (
            lambda: cpd.evaluate.finetune("~/splits.csv", num_frames=0, model="~/tiny"),
            "num_frames must be 1 or more, got 0",
        ),
        (
            lambda: cpd.evaluate.FinetuneSettings(protocol="mine"),
            "protocol must be cpd or authors, got 'mine'",
        ),
    ],
)
def test_what_is_out_of_its_range_is_one_sentence(ask: Callable[[], object], said: str) -> None:
    """And is not taken for something else in silence."""
    with pytest.raises(cpd.InputError, match=said):
        ask()


def half(**asked: Any) -> object:
    return cpd.evaluate.zero_shot_half("~/captions.csv", "~/classes.txt", model=ENCODER, **asked)
