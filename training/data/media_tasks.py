"""What decoder processes do for training: read a pair's medium, wherever it lies.

Nothing here imports torch, so that a decoder process starts fast and stays small.

Axes: T frames of a clip, S height and width of a frame.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cpd_model.encoder import ClipSpec, Frames
from index.errors import VideoError
from index.video.extensions import PICTURE_EXTENSIONS
from index.video.media import MediaKind, media_files, media_kind, read_media_clip, read_media_frames
from training.data.augment import ClipPlan, cut_square
from training.data.content import file_digest
from training.data.pair import Pair
from training.data.webdataset import open_media


class Content(NamedTuple):
    """What a pair's medium is, known without decoding it."""

    content_hash: str
    """64 hex digits over the kind and the bytes of its files, in their order."""

    kind: MediaKind

    num_files: int
    """1, or the pictures of a folder."""


def look_at(pair: Pair) -> Content:
    """Kind and hash of a pair's medium.

    Raises:
        VideoError: there is none, or it cannot be read.
        OSError: a file cannot be read.
    """
    with open_media(pair) as path:
        kind, files = media_kind(path), media_files(path)
        digest = hashlib.sha256(kind.encode())
        for file in files:
            digest.update(file_digest(file))
    return Content(digest.hexdigest(), kind, len(files))


def kind_of(pair: Pair) -> MediaKind:
    """What a pair's medium is, by its names where it lies in an archive; else a video."""
    if len(pair.members) > 1:
        return "frames"
    if pair.members:
        name = Path(pair.members[0].name)
        return "image" if name.suffix.lower() in PICTURE_EXTENSIONS else "video"
    try:
        return media_kind(pair.path)
    except VideoError:  # whoever reads it will say why
        return "video"


def read_pair_frames(pair: Pair, fractions: Sequence[float], spec: ClipSpec) -> Frames:
    """`index.video.media.read_media_frames` of a pair's medium."""
    with open_media(pair) as path:
        return read_media_frames(path, fractions, spec)


def read_pair_clip(
    pair: Pair, plan: ClipPlan, spec: ClipSpec, middle_seconds: float | None
) -> Frames:
    """The clip (T, S, S, 3) that the plan cuts out of a pair's medium."""
    with open_media(pair) as path:
        frames_THWC = read_media_clip(
            path,
            num_frames=spec.num_frames,
            span_seconds=spec.span_seconds,
            place=plan.place,
            short_side=plan.short_side,
            middle_seconds=middle_seconds,
        )
    return cut_square(frames_THWC, plan, size=spec.frame_size)
