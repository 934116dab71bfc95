"""What is known of a video: the one list of its facts, from which the others are made.

A library's rows (`index.catalog.records.VideoRow`) and columns (`index.catalog.tables.VideoRecord`)
take their names and types from here. A new fact also needs a migration: a test tells where it is
missing.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFacts:
    """What a video is, from its packets and its first frame."""

    duration_seconds: float
    """From the first frame's time to the last frame's end."""

    fps: float
    """Frames a second, on average."""

    width: int
    """Pixels of the displayed picture: sample aspect ratio and rotation applied."""

    height: int
    """Pixels of the displayed picture: sample aspect ratio and rotation applied."""

    rotation_degrees: int
    """Counterclockwise turn from the stored to the displayed picture: 0, 90, 180 or 270."""

    sample_aspect_ratio: float
    """Width of a stored pixel over its height."""

    codec: str
    """FFmpeg's name of the codec: h264, mpeg4, gif ..."""

    container: str
    """FFmpeg's short name of the container: mov (MP4 too), matroska (WebM too), avi, gif ..."""

    num_frames: int
    """Displayed frames, counted."""

    has_audio: bool
    """Whether there is sound beside the pictures."""


FACT_NAMES = tuple(field.name for field in fields(VideoFacts))
"""The names of the facts, in their order."""
