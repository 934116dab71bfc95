"""From what a person asks with to one vector: words, videos, segments, files.

    "dog:1, snow:0.5, -night:0.7"   text, a mixture or not (index.search.mixture)
    like      PATH | ID | segment:ID   weighs 1
    not like  the same                 weighs -0.5

A video that the library holds counts with the vectors that are stored, any other file is read:
a video by the mean of its windows, a picture as a video that stands still.

Axes: S windows of a video, T frames of a clip, D dimensions.
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from cpd_model.encoder import Encoder, TextEncoder, Vectors
from cpd_model.errors import InputError
from index.errors import VideoError
from index.library.stored_videos import StoredVideos
from index.search.mixture import mixed, read_mixture, wanted_words
from index.search.query import words_of

NOT_LIKE_WEIGHT = 0.5
"""Half of what is wanted: a moment that differs in one thing is alike in all others."""

Likeness: TypeAlias = str | os.PathLike[str]
"""A video's path or id, `segment:ID`, or the path of any video or picture."""

_SEGMENT = re.compile(r"segment:(\d{1,18})")
_VIDEO_ID = re.compile(r"[0-9a-f]{32}")


class Query(NamedTuple):
    """One vector and what it was made of."""

    vector_D: Vectors
    words: str | None
    """Those that are wanted, for texts to be searched; None where there are none."""


def make_query(
    library: StoredVideos,
    *,
    text: str | None,
    like: Sequence[Likeness] = (),
    not_like: Sequence[Likeness] = (),
    text_encoder: Callable[[], TextEncoder],
    encoder: Callable[[], Encoder],
) -> Query:
    """The unit vector of a text and of what the moments should be like and unlike.

    Args:
        text_encoder: gives the library's model, asked where there is a text.
        encoder: the same, for files that the library does not hold.

    Raises:
        InputError: nothing is asked for, a text is empty, or all cancels itself out.
        UnknownVideoError: the library has no video of an id.
        VideoError: a file cannot be read.
    """
    vectors, weights, words = [], [], None
    if text is not None:
        terms = [term._replace(words=words_of(term.words)) for term in read_mixture(text)]
        vectors += list(text_encoder().encode_text([term.words for term in terms]))
        weights += [term.weight for term in terms]
        words = wanted_words(terms) or None
    for each, weight in [(e, 1.0) for e in like] + [(e, -NOT_LIKE_WEIGHT) for e in not_like]:
        vectors.append(vector_of(library, each, encoder=encoder))
        weights.append(weight)
    if not vectors:
        raise InputError(
            "nothing is asked for: describe the moment in a few words, or name a video or picture "
            "that it is to be like"
        )
    return Query(mixed(np.stack(vectors), weights), words)


def vector_of(
    library: StoredVideos, likeness: Likeness, *, encoder: Callable[[], Encoder]
) -> Vectors:
    """The unit vector (D,) of a stored video or segment, or of a file.

    Raises:
        InputError: there is no such segment or file.
        UnknownVideoError: the library has no video of that id.
        VideoError: the file cannot be read.
    """
    name = os.fspath(likeness)
    if found := _SEGMENT.fullmatch(name):
        return library.segment_vector(int(found[1]))
    if _VIDEO_ID.fullmatch(name) and not os.path.exists(name):
        return _mean(library.embeddings(name))
    path = Path(os.path.realpath(os.path.expanduser(name)))
    known = library.known_file(path)
    if known is not None and known.is_indexed:
        return _mean(library.embeddings(known.video_id))
    if not path.is_file():
        raise InputError(
            f"{name!r} is neither a video of the library nor a file: give a path, a video's id of "
            f"32 hex digits, or 'segment:' and a segment's id"
        )
    return _vector_of_file(path, encoder(), library)


def _vector_of_file(path: Path, encoder: Encoder, library: StoredVideos) -> Vectors:
    # Here: a search by words alone must not wait for what reads videos.
    from index.decoding.pool import DecodePool
    from index.ingest.embed import embed_videos
    from index.ingest.outcomes import EmbeddedVideo
    from index.video.media import media_kind, read_media_frames

    settings = library.settings
    with DecodePool(num_workers=1) as pool:
        if pool.submit(media_kind, path, path).result() == "image":
            spec = encoder.clip_spec
            fractions = [0.5] * spec.num_frames
            frames = pool.submit_frames(read_media_frames, path, path, fractions, spec)
            vector_D: Vectors = encoder.encode_video(frames.result()[np.newaxis])[0]
            return vector_D
        (outcome,) = embed_videos(
            [path],
            encoder,
            pool,
            window_seconds=settings.window_seconds,
            hop_seconds=settings.hop_seconds,
        )
    if not isinstance(outcome, EmbeddedVideo):
        raise VideoError(path, outcome.reason)
    return _mean(outcome.embeddings_SD)


def _mean(embeddings_SD: Vectors) -> Vectors:
    """At length 1; the first window's where the windows cancel each other out."""
    mean_D = embeddings_SD.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean_D))
    unit_D: Vectors = (mean_D / length).astype(np.float32) if length > 0 else embeddings_SD[0]
    return unit_D
