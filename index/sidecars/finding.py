"""Which files beside a video speak of it, by their names alone.

    clip.mp4
    clip.json        clip.mp4.json        free metadata
    clip.info.json   clip.mp4.info.json   what yt-dlp wrote of a download
    clip.txt         clip.mp4.txt         a caption
    clip.srt         clip.mp4.srt         subtitles, .vtt too
    clip.en.srt      clip.pt-BR.vtt       subtitles in a language

A name that fits two files of the folder belongs to the one with the longer name: `clip.en.srt` to
`clip.en.mp4`, where there is one.
"""

import os
import re
import stat
from collections import OrderedDict, defaultdict
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from index.file_version import FileVersion

SidecarKind: TypeAlias = Literal["json", "info", "text", "subtitles"]

_KINDS: dict[str, SidecarKind] = {
    ".json": "json",
    ".txt": "text",
    ".srt": "subtitles",
    ".vtt": "subtitles",
}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*", re.ASCII)
"""As BCP 47 writes languages, and as yt-dlp names its files: en, pt-BR, zh-Hans, en-orig."""

_MOST_FOLDERS = 16
"""Lists of folders that are kept; a run goes through one folder after the other."""


class Sidecar(NamedTuple):
    """A file that speaks of a video."""

    kind: SidecarKind
    file: FileVersion


class SidecarFinder:
    """Finds the sidecars of videos; lists each folder once, so it is for one run."""

    def __init__(self) -> None:
        self._folders: OrderedDict[str, dict[str, list[tuple[SidecarKind, str]]]] = OrderedDict()

    def beside(self, video: Path) -> list[Sidecar]:
        """The sidecars of a video, sorted by name; what is gone or no regular file is left out.

        A folder that cannot be listed has none.
        """
        folder, name = os.path.split(video)
        owned = self._owned_in(folder)
        found = sorted(
            {pair for owner in (name, os.path.splitext(name)[0]) for pair in owned.get(owner, ())},
            key=lambda pair: pair[1],
        )
        sidecars = []
        for kind, sidecar_name in found:
            path = Path(folder, sidecar_name)
            try:
                if stat.S_ISREG(os.stat(path).st_mode):  # a pipe of that name would never end
                    sidecars.append(Sidecar(kind, FileVersion.of(path)))
            except OSError:
                continue
        return sidecars

    def _owned_in(self, folder: str) -> dict[str, list[tuple[SidecarKind, str]]]:
        """By name, or name without extension, of a video: the sidecars of this folder."""
        if folder not in self._folders:
            try:
                names = os.listdir(folder)
            except OSError:
                names = []
            self._folders[folder] = _owned(names)
            if len(self._folders) > _MOST_FOLDERS:
                self._folders.popitem(last=False)
        self._folders.move_to_end(folder)
        return self._folders[folder]


def stamp_of(sidecars: list[Sidecar]) -> str | None:
    """What tells whether sidecars are the same: 32 hex digits of their names, sizes and times.

    None where there are none.
    """
    if not sidecars:
        return None
    seen = [(each.file.path.name, each.file.size_bytes, each.file.mtime_ns) for each in sidecars]
    return sha256(ascii(seen).encode()).hexdigest()[:32]


def _owned(names: list[str]) -> dict[str, list[tuple[SidecarKind, str]]]:
    sidecars = [name for name in names if os.path.splitext(name)[1].lower() in _KINDS]
    others = set(names).difference(sidecars)
    owners = others | {os.path.splitext(name)[0] for name in others}
    owned = defaultdict(list)
    for name in sidecars:
        for owner, kind in _possible_owners(name):
            if owner in owners:
                owned[owner].append((kind, name))
                break
    return owned


def _possible_owners(name: str) -> list[tuple[str, SidecarKind]]:
    """What a video may be called of which this file speaks; the longest first."""
    stem, extension = os.path.splitext(name)
    kind = _KINDS[extension.lower()]
    shorter, inner = os.path.splitext(stem)
    possible: list[tuple[str, SidecarKind]] = [(stem, kind)]
    if kind == "json" and inner.lower() == ".info":
        possible.append((shorter, "info"))
    if kind == "subtitles" and _LANGUAGE.fullmatch(inner.removeprefix(".")):
        possible.append((shorter, "subtitles"))
    return possible
