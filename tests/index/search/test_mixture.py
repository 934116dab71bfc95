"""Queries that are mixtures: what is one, what is not, and the vector that comes of it.

Axes: T terms, D dimensions.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd_model.errors import InputError
from index.search.mixture import MAX_WEIGHT, Term, mixed, read_mixture, wanted_words
from tests.index.libraries import axis, unit_rows

words = st.text(st.characters(codec="utf-8", exclude_characters=',":'), min_size=1).filter(
    lambda text: (
        text.strip() and not text.strip().startswith("-") and not text.strip()[-1].isdigit()
    )
)
weights = st.floats(0.001, MAX_WEIGHT).map(lambda weight: float(f"{weight:.3f}"))


@given(st.lists(st.tuples(words, weights, st.booleans()), min_size=2, max_size=6))
def test_what_is_written_as_a_mixture_reads_back(parts: list[tuple[str, float, bool]]) -> None:
    written = ", ".join(f"{'-' * minus}{word}:{weight}" for word, weight, minus in parts)

    assert read_mixture(written) == [
        Term(word.strip(), -weight if minus else weight) for word, weight, minus in parts
    ]


@given(st.text(st.characters(codec="utf-8", exclude_characters=":")))
def test_a_text_without_a_colon_is_one_text(text: str) -> None:
    if not (text.strip().startswith('"') and text.strip().endswith('"')):
        assert read_mixture(text) == [Term(text.strip(), 1.0)]


@pytest.mark.parametrize(
    "text",
    [
        "a man: happy, sad",
        "dog:1",
        "at 10:30, a train leaves at 11:45",
        "ratio 16:9, wide",
        "a dog, a cat and a mouse",
        "Title: subtitle",
        "",
        "a:b, c:d",
    ],
)
def test_a_text_without_weights_is_not_torn_apart(text: str) -> None:
    assert read_mixture(text) == [Term(text, 1.0)]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("dog:1, snow:0.5, -night:0.7", [("dog", 1), ("snow", 0.5), ("night", -0.7)]),
        ("dog:1,night:-.7", [("dog", 1), ("night", -0.7)]),
        ("a man: happy :2, rain : 1.", [("a man: happy", 2), ("rain", 1)]),
        ('"dog:1, snow:2"', [("dog:1, snow:2", 1)]),
    ],
)
def test_a_mixture_is_read(text: str, terms: list[tuple[str, float]]) -> None:
    assert read_mixture(text) == [Term(*term) for term in terms]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dog:1, snow", "'snow' has no weight"),
        ("dog:1, ", "'' has no weight"),
        (":1, dog:1", "':1' has a weight and no words"),
        ("dog:0, cat:1", "'dog:0' has a weight that is not above 0"),
        ("dog:1001, cat:1", "'dog:1001' has a weight"),
        ("-dog:-1, cat:1", "'-dog:-1' has two signs: write '-dog:1'"),
    ],
)
def test_a_slip_points_at_the_word(text: str, said: str) -> None:
    with pytest.raises(InputError) as failed:
        read_mixture(text)

    assert said in str(failed.value)
    assert len(str(failed.value).splitlines()) == 1


def test_texts_are_searched_for_what_is_wanted() -> None:
    assert wanted_words(read_mixture("dog:1, snow:0.5, -night:0.7")) == "dog snow"


@given(
    st.integers(0, 100), st.lists(st.sampled_from([-1.0, -0.5, 0.5, 2.0]), min_size=2, max_size=5)
)
def test_the_vector_is_the_weighted_sum_at_length_1(seed: int, weights: list[float]) -> None:
    vectors_TD = unit_rows(len(weights), seed=seed, embed_dim=16)

    mixed_D = mixed(vectors_TD * 3, weights)

    sum_D = sum(w * v for w, v in zip(weights, vectors_TD.astype(np.float64), strict=True))
    assert mixed_D == pytest.approx(sum_D / np.linalg.norm(sum_D), abs=1e-5)
    assert mixed_D.dtype == np.float32


def test_what_cancels_itself_out_is_refused() -> None:
    with pytest.raises(InputError, match="cancel each other out"):
        mixed(np.stack([axis(0), axis(0)]), [1.0, -1.0])


def test_one_vector_alone_stays_as_it_is_to_the_last_bit() -> None:
    """So that a text finds the same whether it may be a mixture or not."""
    row_D = unit_rows(1, seed=1)[0]

    assert mixed(row_D[np.newaxis], [1.0]).tobytes() == row_D.tobytes()
