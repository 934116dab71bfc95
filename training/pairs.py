"""Video/text pairs: what training learns from, one row of the memory bank each."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A video and the texts about it."""

    id: str
    """Unique within its list; stays the same when the list is reordered."""

    path: Path
    """Absolute: a video, an image (a one-frame video), or a folder of frames."""

    captions: tuple[str, ...]
    """One or more sentences, none empty. One is drawn each time; the others are never negatives."""

    split: str = ""
    """As its list has it, such as `train` or `val`; empty where there is none."""
