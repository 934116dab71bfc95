"""What every model offers to the rest of the program: clips and texts in, unit vectors out.

Nothing here imports torch, so that `index` and `service` can be typed and tested without it.

Axes: B batch, N frames, T frames of a clip, H height, W width, C channels (3, RGB),
F features of one frame, D dimensions of the shared space.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Frames: TypeAlias = NDArray[np.uint8]
"""uint8 RGB frames, (..., H, W, 3), values 0..255."""

Vectors: TypeAlias = NDArray[np.float32]
"""float32 rows, (..., D) or (..., F)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipSpec:
    """The clip that a video tower wants: how many frames, how large, spread over how long."""

    num_frames: int
    """T, frames of one clip."""

    frame_size: int
    """Height and width of a frame as the tower sees it, in pixels."""

    resize: Literal["crop", "squash"]
    """`crop`: short side to `short_side`, then the centre. `squash`: both sides to `frame_size`."""

    short_side: int
    """Short side before the centre crop, in pixels; at least `frame_size`. Unused by `squash`."""

    span_seconds: float | None = None
    """Time that one clip covers, centred in its window; None: the whole window."""

    def __post_init__(self) -> None:
        for name in ("num_frames", "frame_size", "short_side"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.resize == "crop" and self.short_side < self.frame_size:
            raise ValueError(
                f"short_side must be at least frame_size to crop, "
                f"got {self.short_side} < {self.frame_size}"
            )
        if self.span_seconds is not None and self.span_seconds <= 0:
            raise ValueError(f"span_seconds must be positive or None, got {self.span_seconds}")


@runtime_checkable
class TextEncoder(Protocol):
    """Texts into the space of a dual encoder: what a search by text needs of it.

    A batch gives the same rows as its items alone; a batch of one is a batch.
    """

    @property
    def name(self) -> str:
        """The name it was asked for by: `cpd-start`, a folder, a hub name."""
        ...

    @property
    def fingerprint(self) -> str:
        """64 hex digits over all that changes an embedding; equal fingerprints mean one space."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (B, D) of texts; too long a text is cut at the tower's limit.

        Raises:
            ValueError: no text, or an empty one.
        """
        ...


@runtime_checkable
class Encoder(TextEncoder, Protocol):
    """A dual encoder: video clips and texts into one space."""

    @property
    def embed_dim(self) -> int:
        """D, dimensions of the shared space."""
        ...

    @property
    def clip_spec(self) -> ClipSpec:
        """The clips that `encode_video` takes."""
        ...

    @property
    def temperature(self) -> float:
        """Divides cosine similarities before a softmax over labels; > 0."""
        ...

    @property
    def device(self) -> str:
        """Where the towers run: `cpu` or `cuda:0`."""
        ...

    def encode_video(self, clips_BTHWC: Frames) -> Vectors:
        """Unit vectors (B, D) of uint8 RGB clips (B, T, H, W, 3) that fit `clip_spec`.

        Mean and std are applied in here, not by the caller.

        Raises:
            ValueError: the clips have another shape or dtype.
        """
        ...


@runtime_checkable
class FrameEncoder(Encoder, Protocol):
    """An encoder whose backbone looks at each frame alone, so that overlapping clips share work.

    `encode_video(clips)` equals `pool_frames` of `encode_frames` of the same frames.
    """

    def encode_frames(self, frames_NHWC: Frames) -> Vectors:
        """Features (N, F) of uint8 RGB frames (N, H, W, 3), each frame on its own."""
        ...

    def pool_frames(self, features_BTF: Vectors) -> Vectors:
        """Unit vectors (B, D) of clips whose frames' features (B, T, F) are known."""
        ...


def encoder_repr(encoder: Encoder) -> str:
    """What an encoder shows of itself: its name, the shapes in and out, where it runs."""
    spec = encoder.clip_spec
    clip = (spec.num_frames, spec.frame_size, spec.frame_size, 3)
    return (
        f"{type(encoder).__name__}({encoder.name!r}, {clip} clips -> ({encoder.embed_dim},), "
        f"{encoder.device}, fingerprint {encoder.fingerprint[:12]})"
    )
