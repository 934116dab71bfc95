"""Labels a video with a person's own words, as a whole and over time.

Axes: S segments, L labels, D dimensions of the shared space.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from cpd_model.encoder import Encoder, Vectors
from cpd_model.errors import InputError
from cpd_model.zero_shot import (
    ACTION_TEMPLATES,
    is_text,
    label_matrix,
    label_probabilities,
    read_class_names,
    spoken_label,
    video_probabilities,
)
from index.catalog.records import VideoRow
from index.errors import UnknownVideoError, VideoError
from index.ingest.embed import embed_videos
from index.ingest.files import printable
from index.ingest.outcomes import EmbeddedVideo
from index.ingest.pipeline import Decoder
from index.segments import Segment


class LabelScore(NamedTuple):
    """A label and how probable it is among those that were asked for."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class LabelledSegment(Segment):
    """A segment of the video and its labels, the most probable first."""

    labels: list[LabelScore]


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledVideo:
    """What a video shows, in the words that were offered."""

    path: Path
    model: str
    labels: list[LabelScore]
    """Of the whole video, the most probable first; all labels together make 1."""
    segments: list[LabelledSegment]

    def __repr__(self) -> str:
        best = [f"{score.label} {score.probability:.3f}" for score in self.labels[:3]]
        more = ["..."] if len(self.labels) > len(best) else []
        return (
            f"LabelledVideo({self.path.name!r}: {', '.join(best + more)}; "
            f"{len(self.labels)} labels, {len(self.segments)} segments, model {self.model!r})"
        )

    def as_json(self, *, top: int) -> dict[str, Any]:
        """For `--json`: the `top` likeliest labels of the video and of each segment."""
        return {
            "video": str(self.path),
            "model": self.model,
            "labels": [score._asdict() for score in self.labels[:top]],
            "segments": [
                {
                    "start_seconds": segment.start_seconds,
                    "stop_seconds": segment.stop_seconds,
                    "labels": [score._asdict() for score in segment.labels[:top]],
                }
                for segment in self.segments
            ],
        }


def label_video(
    path: Path,
    labels: Sequence[str],
    encoder: Encoder,
    decoder: Decoder,
    *,
    window_seconds: float = 4.0,
    hop_seconds: float = 2.0,
    templates: Sequence[str] = ACTION_TEMPLATES,
) -> LabelledVideo:
    """Probabilities of all labels for the whole video and for each segment.

    Raises:
        InputError: fewer than two different labels, or an empty one.
        VideoError: the file cannot be read.
    """
    check_labels(labels)
    labels_LD = label_matrix(encoder, labels, templates)
    (outcome,) = embed_videos(
        [path], encoder, decoder, window_seconds=window_seconds, hop_seconds=hop_seconds
    )
    if not isinstance(outcome, EmbeddedVideo):
        raise VideoError(path, outcome.reason)
    return score_labels(
        path, labels, labels_LD, outcome.segments, outcome.embeddings_SD, encoder=encoder
    )


def score_labels(
    path: Path,
    labels: Sequence[str],
    labels_LD: Vectors,
    segments: Sequence[Segment],
    embeddings_SD: Vectors,
    *,
    encoder: Encoder,
) -> LabelledVideo:
    """The same from vectors that are there already: of a stored video, say."""
    whole_L = video_probabilities(embeddings_SD, labels_LD, encoder.temperature)
    each_SL = label_probabilities(embeddings_SD @ labels_LD.T, encoder.temperature)
    return LabelledVideo(
        path=path,
        model=encoder.name,
        labels=_ranked(labels, whole_L),
        segments=[
            LabelledSegment(segment.start_seconds, segment.stop_seconds, _ranked(labels, row_L))
            for segment, row_L in zip(segments, each_SL, strict=True)
        ],
    )


class VectorsOfVideos(Protocol):
    """Where the vectors of videos are kept, such as a library."""

    def segments(self, video_id: str) -> Sequence[Segment]:
        """In the order of time; raises UnknownVideoError."""
        ...

    def embeddings(self, video_id: str) -> Vectors:
        """(S, D), row i of segment i; raises UnknownVideoError."""
        ...


def label_stored(
    library: VectorsOfVideos, videos: Iterable[VideoRow], labels: Sequence[str], encoder: Encoder
) -> Iterator[tuple[VideoRow, LabelledVideo]]:
    """Label videos from the vectors that are there: nothing is decoded.

    A video that somebody removes meanwhile is passed over.

    Raises:
        InputError: fewer than two different labels, or an empty one.
    """
    check_labels(labels)
    labels_LD = label_matrix(encoder, labels, ACTION_TEMPLATES)
    for video in videos:
        try:
            segments, embeddings_SD = _vectors_of(library, video.video_id)
        except UnknownVideoError:
            continue
        yield (
            video,
            score_labels(video.path, labels, labels_LD, segments, embeddings_SD, encoder=encoder),
        )


def _vectors_of(library: VectorsOfVideos, video_id: str) -> tuple[Sequence[Segment], Vectors]:
    while True:
        segments, embeddings_SD = library.segments(video_id), library.embeddings(video_id)
        if len(segments) == len(embeddings_SD):  # else it was indexed again between the two
            return segments, embeddings_SD


def read_labels(*, words: str | None, file: Path | None) -> list[str]:
    """The labels of `--labels "swimming,running"` or of `--labels-file F`, one of which is given.

    Raises:
        InputError: both or neither are given, the file cannot be read, or there are fewer than two.
    """
    if (words is None) == (file is None):
        raise InputError(
            "labels come from one place: give either --labels 'swimming,running' or --labels-file"
        )
    if words is not None:
        labels = [word.strip() for word in words.split(",") if word.strip()]
    else:
        assert file is not None
        try:
            labels = read_class_names(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"cannot read the labels in {file}: {error}; expected UTF-8 text, one label a line"
            ) from error
    check_labels(labels)
    return labels


def check_labels(labels: Sequence[str]) -> None:
    """Raises InputError: fewer than two labels, or one twice, which would halve its probability.

    Labels are one where the model reads the same words: `PushUps`, `push ups`, ` Push Ups`.
    """
    if not all(is_text(label) for label in labels):
        raise InputError("a label holds bytes that are no UTF-8: write it in UTF-8")
    spoken = [spoken_label(label).casefold() for label in labels]
    if len(set(spoken)) < 2:
        raise InputError(
            f"labels are weighed against each other: give at least two different ones, "
            f"got {len(set(spoken))}"
        )
    twice = dict.fromkeys(
        label for label, words in zip(labels, spoken, strict=True) if spoken.count(words) > 1
    )
    if twice:
        raise InputError(f"give each label once, got {', '.join(twice)} more than once")


def check_video(path: Path) -> None:
    """Raises InputError: there is no file at the path."""
    if not path.is_file():
        raise InputError(f"no such video file: {printable(path)}; check how it is written")


def weakness_of(model: str) -> str | None:
    """What to know before trusting a model's labels, in one sentence; None when all is well."""
    from cpd_model.built_in.models import BUILT_INS

    return BUILT_INS[model].label_weakness if model in BUILT_INS else None


def _ranked(labels: Sequence[str], probabilities_L: Vectors) -> list[LabelScore]:
    order = np.argsort(-probabilities_L, kind="stable")
    return [LabelScore(labels[i], float(probabilities_L[i])) for i in order]
