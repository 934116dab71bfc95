"""A video/text pair, wherever it was read from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cpd_model.errors import InputError


class TarMember(NamedTuple):
    """Where a file stands inside a tar archive, so that it is read without its neighbours."""

    name: str
    offset: int
    """Bytes from the archive's beginning to the file's first."""

    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A video and the texts about it."""

    id: str
    """Unique within its list and split; stays the same when the list is reordered."""

    path: Path
    """Absolute: a video, an image (a one-frame video), a folder of frames, or a tar archive."""

    captions: tuple[str, ...]
    """One or more sentences, none empty. One is drawn each time; the others are never negatives."""

    split: str = ""
    """As its list has it, such as `train` or `val`; empty where there is none."""

    group: str = ""
    """Pairs of one group come from one recording; empty where there is none."""

    members: tuple[TarMember, ...] = ()
    """Where `path` is an archive: its video or image, or the frames of a folder in their order."""

    @property
    def place(self) -> tuple[Path, int]:
        """What tells its video from others: the file, and where in it the video begins."""
        return self.path, self.members[0].offset if self.members else 0

    @property
    def address(self) -> Path:
        """A path of its own for its video: inside an archive, the archive's and the member's."""
        return self.path / self.members[0].name if self.members else self.path


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestRow(Pair):
    """What one row of a list says, or the texts beside one medium; its captions may be none.

    Several rows with one id make up a pair, several with one address tell of one video.
    """

    where: str
    """The place that an error names."""

    written_path: str
    """The path as the list has it; of a folder or an archive, the name in it."""

    label: str = ""
    """Its class; empty where there is none."""

    parts: tuple[str, ...] = ()
    """Its part of split 1, 2, ...: `train`, `test`, another word, or empty where it has none."""


def as_captions(value: Any, where: str) -> tuple[str, ...]:
    """Stripped captions of a cell that holds a text, a list of texts, or nothing.

    Raises:
        InputError: it holds something else.
    """
    texts = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{where}: captions must be a text or a list of texts, got {value!r}")
    return tuple(bare for text in texts if (bare := " ".join(text.split())))
