"""Class lists become words, words become label vectors, similarities become probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cpd_model.errors import InputError
from cpd_model.testing import COLORS, ColorEncoder
from cpd_model.zero_shot import (
    ACTION_TEMPLATES,
    label_matrix,
    label_probabilities,
    read_class_names,
    spoken_label,
    video_probabilities,
)

CAMEL_WORD = st.from_regex(r"[A-Z][a-z]{1,7}", fullmatch=True)
PLAIN_WORD = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
COSINES = arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
    elements=st.floats(-1, 1, width=32),
)
TEMPERATURES = st.floats(1e-4, 10)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ApplyEyeMakeup", "apply eye makeup"),
        ("YoYo", "yo yo"),
        ("TaiChi", "tai chi"),
        ("brush_hair", "brush hair"),
        ("Brush_Hair", "brush hair"),
        ("cartwheel", "cartwheel"),
        ("Swimming", "swimming"),
        ("playing the guitar", "playing the guitar"),
        ("playing  the\tguitar ", "playing the guitar"),
        ("unboxing an iPhone", "unboxing an iPhone"),
        ("TVShow", "tv show"),
        ("WatchingTV", "watching tv"),
        ("TV", "tv"),
        ("MP3Player", "mp3 player"),
        ("Level2", "level 2"),
        ("3PointShot", "3 point shot"),
        ("3DPrinting", "3d printing"),
        ("Basketball2v2", "basketball 2v2"),
        ("Run100m", "run 100m"),
        ("push-up", "push-up"),
        ("Push-Up", "push-up"),
        ("h264", "h264"),
        ("\u00c9cole\u00c9t\u00e9", "\u00e9cole \u00e9t\u00e9"),
        ("", ""),
    ],
)
def test_a_class_name_is_spoken_as_words(name: str, words: str) -> None:
    assert spoken_label(name) == words


@given(st.lists(CAMEL_WORD, min_size=1, max_size=6))
def test_camel_case_comes_apart_at_its_words(words: list[str]) -> None:
    assert spoken_label("".join(words)) == " ".join(words).lower()


@given(st.lists(PLAIN_WORD, min_size=1, max_size=6))
def test_underscores_are_spaces(words: list[str]) -> None:
    assert spoken_label("_".join(words)) == " ".join(words)


@given(st.text(max_size=30))
def test_speaking_a_label_twice_changes_nothing(name: str) -> None:
    once = spoken_label(name)

    assert spoken_label(once) == once


@given(st.text(max_size=30))
def test_speaking_a_label_keeps_its_letters(name: str) -> None:
    kept = "".join(name.replace("_", " ").split())

    assert "".join(spoken_label(name).split()).lower() == kept.lower()


@pytest.mark.parametrize(
    "text",
    [
        "1 ApplyEyeMakeup\n2 YoYo\n",
        "0 ApplyEyeMakeup\n1 YoYo",
        "\ufeff1 ApplyEyeMakeup\r\n2 YoYo\r\n",
        "12\tApplyEyeMakeup\n\n101\tYoYo",
        "1. ApplyEyeMakeup\n2. YoYo",
        "ApplyEyeMakeup\nYoYo",
        "\n  ApplyEyeMakeup  \n# the toy\nYoYo\n\n",
    ],
)
def test_a_class_list_may_be_numbered_spaced_and_commented(text: str) -> None:
    assert read_class_names(text) == ["ApplyEyeMakeup", "YoYo"]


@pytest.mark.parametrize(
    "names",
    [
        ["100 m sprint", "200 m sprint"],
        ["3 point shot", "dunk"],
        ["1 person dancing", "3 people dancing"],
        ["2 hands", "1 hand"],
        ["playing the guitar", "swimming"],
    ],
)
def test_a_number_that_belongs_to_the_name_stays(names: list[str]) -> None:
    assert read_class_names("\n".join(names)) == names


@given(st.lists(CAMEL_WORD, min_size=1, max_size=20, unique_by=str.lower), st.integers(0, 1))
def test_numbering_a_list_changes_no_name(names: list[str], first: int) -> None:
    numbered = "\n".join(f"{number} {name}" for number, name in enumerate(names, start=first))

    assert read_class_names(numbered) == read_class_names("\n".join(names)) == names


@pytest.mark.parametrize("text", ["", "\n \n", "# only a comment", "\ufeff"])
def test_an_empty_class_list_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="holds no name"):
        read_class_names(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("YoYo\nTaiChi\n\nYoYo", "'YoYo' on line 4 and 'YoYo' on line 1"),
        ("1 YoYo\n2 yo_yo", "'yo_yo' on line 2 and 'YoYo' on line 1"),
        ("brush hair\nBrushHair", "'BrushHair' on line 2 and 'brush hair' on line 1"),
    ],
)
def test_a_class_that_comes_twice_is_named_with_its_lines(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_class_names(text)


def test_a_label_is_nearest_to_what_it_names() -> None:
    encoder = ColorEncoder()
    labels = list(COLORS)
    clips_BTHWC = np.stack(
        [np.full((4, 16, 16, 3), COLORS[label], dtype=np.uint8) for label in labels]
    )

    similarities = encoder.encode_video(clips_BTHWC) @ label_matrix(encoder, labels).T

    assert similarities.argmax(axis=1).tolist() == list(range(len(labels)))


def test_label_rows_are_unit_vectors_in_the_order_of_the_labels() -> None:
    encoder = ColorEncoder()

    matrix_LD = label_matrix(encoder, ["red", "blue", "red"])

    assert matrix_LD.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(matrix_LD, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(matrix_LD[0], matrix_LD[2])
    assert not np.array_equal(matrix_LD[0], matrix_LD[1])


def test_a_label_is_the_mean_of_its_prompts() -> None:
    encoder = ColorEncoder()
    rows_PD = encoder.encode_text(["red", "blue red"])
    mean_D = rows_PD.mean(axis=0)

    matrix_LD = label_matrix(encoder, ["red"], ["{}", "blue {}"])

    np.testing.assert_allclose(matrix_LD[0], mean_D / np.linalg.norm(mean_D), rtol=1e-5)


def test_the_default_templates_keep_the_plain_name() -> None:
    assert ACTION_TEMPLATES[0] == "{}"
    assert len(set(ACTION_TEMPLATES)) == len(ACTION_TEMPLATES)
    assert all(template.count("{}") == 1 for template in ACTION_TEMPLATES)


def test_braces_of_a_label_are_only_braces() -> None:
    encoder = ColorEncoder()

    matrix_LD = label_matrix(encoder, ["{red} {0} {}"], ["{}"])

    assert matrix_LD.shape == (1, 4)


def test_a_class_name_is_spoken_before_it_is_embedded() -> None:
    encoder = ColorEncoder()

    matrix_LD = label_matrix(encoder, ["RedBall", "red_ball", "red ball"])

    np.testing.assert_array_equal(matrix_LD[0], matrix_LD[2])
    np.testing.assert_array_equal(matrix_LD[1], matrix_LD[2])
    assert not np.array_equal(matrix_LD[0], label_matrix(encoder, ["ball"])[0])


def test_many_labels_are_embedded_as_few_are() -> None:
    encoder = ColorEncoder()
    labels = [f"{color} {number}" for number in range(20) for color in COLORS]

    matrix_LD = label_matrix(encoder, labels, ["{}", "a video of {}"])

    assert len(labels) > 128
    np.testing.assert_array_equal(matrix_LD[150], label_matrix(encoder, [labels[150]])[0])


@pytest.mark.parametrize(
    ("labels", "said"), [([], "no label"), (["red", " "], "label 2 of 2"), (["_"], "label 1 of 1")]
)
def test_labels_that_say_nothing_are_refused(labels: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        label_matrix(ColorEncoder(), labels)


@pytest.mark.parametrize("templates", [[], ["a video"], ["{}", "a video"]])
def test_a_template_without_a_place_for_the_label_is_a_mistake(templates: list[str]) -> None:
    with pytest.raises(ValueError, match="templates must each hold"):
        label_matrix(ColorEncoder(), ["red"], templates)


@given(COSINES, TEMPERATURES)
def test_probabilities_of_a_segment_sum_to_one(
    similarities_SL: np.ndarray, temperature: float
) -> None:
    probabilities_SL = label_probabilities(similarities_SL, temperature)

    assert probabilities_SL.dtype == np.float32
    assert probabilities_SL.shape == similarities_SL.shape
    assert (probabilities_SL >= 0).all()
    np.testing.assert_allclose(probabilities_SL.sum(axis=1), 1, rtol=1e-5)


@given(COSINES, st.floats(0.05, 10))
def test_probabilities_are_the_softmax_of_the_textbook(
    similarities_SL: np.ndarray, temperature: float
) -> None:
    odds_SL = np.exp(similarities_SL.astype(np.float64) / temperature)
    expected_SL = odds_SL / odds_SL.sum(axis=1, keepdims=True)

    np.testing.assert_allclose(
        label_probabilities(similarities_SL, temperature), expected_SL, rtol=1e-5, atol=1e-7
    )


@given(COSINES, TEMPERATURES)
def test_a_label_that_is_nearer_is_never_less_likely(
    similarities_SL: np.ndarray, temperature: float
) -> None:
    probabilities_SL = label_probabilities(similarities_SL, temperature)
    ordered_SL = np.take_along_axis(probabilities_SL, similarities_SL.argsort(axis=1), axis=1)

    assert (np.diff(ordered_SL, axis=1) >= 0).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature must be positive"):
        label_probabilities(np.zeros((1, 2), dtype=np.float32), temperature)


@pytest.mark.parametrize("shape", [(3,), (2, 0)])
def test_similarities_must_be_of_segments_and_labels(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="similarities must be"):
        label_probabilities(np.zeros(shape, dtype=np.float32), 1.0)


def test_a_video_is_the_average_of_its_timeline() -> None:
    labels_LD = np.eye(3, dtype=np.float32)
    embeddings_SD = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]], dtype=np.float32)

    whole_L = video_probabilities(embeddings_SD, labels_LD, 0.01)

    np.testing.assert_allclose(whole_L, [0.25, 0.75, 0], atol=1e-6)
    assert whole_L.dtype == np.float32


def test_a_video_of_one_segment_is_that_segment() -> None:
    labels_LD = np.eye(3, dtype=np.float32)
    embeddings_SD = np.array([[0.6, 0.8, 0]], dtype=np.float32)

    np.testing.assert_allclose(
        video_probabilities(embeddings_SD, labels_LD, 0.5),
        label_probabilities(embeddings_SD @ labels_LD.T, 0.5)[0],
        rtol=1e-6,
    )


def test_a_video_without_segments_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one segment"):
        video_probabilities(np.zeros((0, 3), np.float32), np.eye(3, dtype=np.float32), 1.0)
