"""Label names x prompt templates -> label matrix; similarities -> probabilities.

Axes: L labels, P prompts of one label, S segments of one video, D dimensions of the shared space.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from cpd_model.encoder import Encoder, Vectors
from cpd_model.errors import InputError

PLACE = "{}"
"""Where a template takes the label."""

ACTION_TEMPLATES: tuple[str, ...] = (
    "{}",
    "a video of {}",
    "a video of a person {}",
    "a person is {}",
    "people are {}",
    "someone doing {}",
    "the action of {}",
    "footage of {}",
)
"""Prompts made of every label unless a caller brings others.

The plain name comes first: in a space made from sentences about things (`cpd-start`) the words
around a label mostly add what all labels share. The others say "video" and put a verb form
("brushing teeth") or a noun ("yo yo") each where it fits at least once, in the spirit of the
ensembles of CLIP (Radford et al. 2021, section 3.1.4); the sentences are our own.
"""

_LABELS_AT_ONCE = 64
_COMMENT = "#"
_NUMBERED = re.compile(r"(\d+)[.):]?\s+(\S.*)")


def read_class_names(text: str) -> list[str]:
    """The class names of a list, one a line, in the order of the list.

    Spaces around a name, empty lines, lines that start with `#`, a byte order mark and any kind
    of line end mean nothing. The numbers of a `classInd.txt` ("1 ApplyEyeMakeup") are taken off
    where all lines have one and they rise: by one from 0 or 1, or with gaps (part of such a list)
    if each leaves a single word. So "100 m sprint" keeps its number.

    Raises:
        InputError: no name, or two that are read as the same words.
    """
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1)
        if line.strip() and not line.strip().startswith(_COMMENT)
    ]
    if not lines:
        raise InputError("the class list holds no name: expected one class a line")
    names = _without_numbers([name for _, name in lines])
    first_line: dict[str, tuple[int, str]] = {}
    for (line, _), name in zip(lines, names, strict=True):
        words = spoken_label(name).casefold()
        if words in first_line:
            other_line, other = first_line[words]
            raise InputError(
                f"the class list names {name!r} on line {line} and {other!r} on line {other_line}, "
                f"which are the same class: give each class one line"
            )
        first_line[words] = (line, name)
    return names


def _without_numbers(names: list[str]) -> list[str]:
    matches = [match for name in names if (match := _NUMBERED.fullmatch(name))]
    if len(matches) < len(names):
        return names
    numbers = [int(match.group(1)) for match in matches]
    bare = [match.group(2).rstrip() for match in matches]
    rising = all(before < after for before, after in pairwise(numbers))
    complete = numbers[0] in (0, 1) and numbers[-1] - numbers[0] == len(numbers) - 1
    single_words = not any(re.search(r"\s", name) for name in bare)
    return bare if rising and (complete or single_words) else names


def spoken_label(name: str) -> str:
    """A class name as words: `ApplyEyeMakeup` -> `apply eye makeup`, `brush_hair` -> `brush hair`.

    Underscores become spaces. A name without spaces is read as camel case and lowered: a word
    starts at a capital (`YoYo` -> `yo yo`), the last capital of a run belongs to the word behind
    it (`TVShow` -> `tv show`), and so does a digit to what follows unless it ends a run of
    capitals (`Level2` -> `level 2`, `MP3Player` -> `mp3 player`, `3DPrinting` -> `3d printing`).
    A name with spaces is somebody's own words and keeps its letters.
    """
    words = name.replace("_", " ").split()
    if len(name.split()) > 1:
        return " ".join(words)
    return " ".join(_camel_words(word) for word in words)


def is_text(words: str) -> bool:
    """Whether it is text: a shell's argument that is no UTF-8 becomes lone surrogates, which no
    tokenizer takes."""
    try:
        words.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _camel_words(word: str) -> str:
    if not any(_capital(letter) for letter in word):
        return word
    spaced = word[:1]
    for at in range(1, len(word)):
        spaced += " " + word[at] if _starts_word(word, at) else word[at]
    return spaced.lower()


def _starts_word(word: str, at: int) -> bool:
    before, letter = word[at - 1], word[at]
    after = word[at + 1 : at + 2]
    if _capital(letter):
        if not before.isalnum():
            return False  # "Push-Up" keeps its hyphen
        if _capital(before) or before.isdigit():
            return after.islower()
        return True
    # Two small letters before it: "Level2", but not the "2v2" of a match.
    return letter.isdigit() and before.islower() and word[max(at - 2, 0)].islower()


def _capital(letter: str) -> bool:
    return letter != letter.lower()


def label_matrix(
    encoder: Encoder, labels: Sequence[str], templates: Sequence[str] = ACTION_TEMPLATES
) -> Vectors:
    """One unit vector per label: the mean of the embeddings of its prompts, normalised.

    Args:
        labels: class names; `spoken_label` makes words of them.
        templates: prompts, each with `{}` where the label goes; `("{}",)` is the plain name alone.

    Returns:
        float32 (L, D), rows of norm 1, in the order of `labels`.

    Raises:
        InputError: no label, or an empty one.
        ValueError: no template, or one without `{}`.
    """
    if not labels:
        raise InputError("no label was given: expected at least one")
    for position, label in enumerate(labels, start=1):
        if not spoken_label(label):
            raise InputError(f"label {position} of {len(labels)} is empty: expected a word")
    if not templates or any(PLACE not in template for template in templates):
        raise ValueError(f"templates must each hold {PLACE!r}, got {list(templates)}")
    parts = [
        _encode_labels(encoder, labels[start : start + _LABELS_AT_ONCE], templates)
        for start in range(0, len(labels), _LABELS_AT_ONCE)
    ]
    return np.concatenate(parts)


def _encode_labels(encoder: Encoder, labels: Sequence[str], templates: Sequence[str]) -> Vectors:
    prompts = [
        template.replace(PLACE, spoken_label(label)) for label in labels for template in templates
    ]
    prompts_LPD = encoder.encode_text(prompts).reshape(len(labels), len(templates), -1)
    means_LD = prompts_LPD.mean(axis=1, dtype=np.float64)
    unit_LD: Vectors = (means_LD / np.linalg.norm(means_LD, axis=1, keepdims=True)).astype(
        np.float32
    )
    return unit_LD


def label_probabilities(similarities_SL: Vectors, temperature: float) -> Vectors:
    """Softmax over labels of `similarities / temperature`: each segment's row sums to 1.

    Args:
        similarities_SL: cosines in [-1, 1].
        temperature: > 0, the encoder's own.

    Returns:
        float32 (S, L) in [0, 1].

    Raises:
        ValueError: no label, or a temperature that is not positive.
    """
    if similarities_SL.ndim != 2 or similarities_SL.shape[1] == 0:
        raise ValueError(f"similarities must be (S, L >= 1), got {similarities_SL.shape}")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    logits_SL = similarities_SL.astype(np.float64) / temperature
    # Without its largest value a row cannot overflow, and the quotient is the same.
    odds_SL = np.exp(logits_SL - logits_SL.max(axis=1, keepdims=True))
    probabilities_SL: Vectors = (odds_SL / odds_SL.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities_SL


def video_probabilities(embeddings_SD: Vectors, labels_LD: Vectors, temperature: float) -> Vectors:
    """The labels of a whole video: the mean of its segments' probabilities.

    So the answer for the video is what the timeline shows on average, the chance that a moment
    picked at random shows the label: an action that fills a quarter of a video keeps about a
    quarter, where a softmax of mean similarities would let the other three quarters veto it.

    Args:
        embeddings_SD: unit vectors of the video's segments, S >= 1.
        labels_LD: unit vectors of the labels.
        temperature: > 0, the encoder's own.

    Returns:
        float32 (L,) in [0, 1], sums to 1.

    Raises:
        ValueError: no segment, no label, or a temperature that is not positive.
    """
    if len(embeddings_SD) == 0:
        raise ValueError("a video needs at least one segment, got none")
    probabilities_SL = label_probabilities(embeddings_SD @ labels_LD.T, temperature)
    mean_L: Vectors = probabilities_SL.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean_L
