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
SIDECAR_EXTENSIONS = frozenset(_KINDS)
"""In lower case with the dot."""

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
        self._folders: OrderedDict[str, _Folder] = OrderedDict()

    def beside(self, video: Path) -> list[Sidecar]:
        """The sidecars of a video, sorted by name; what is gone or no regular file is left out.

        A folder that cannot be listed has none.
        """
        folder, name = os.path.split(video)
        owned = self._listed(folder).owned
        found = {pair for owner in _names_of(name) for pair in owned.get(owner, ())}
        sidecars = []
        for sidecar_name, kind in sorted(found):
            path = Path(folder, sidecar_name)
            try:
                if stat.S_ISREG(os.stat(path).st_mode):  # a pipe of that name would never end
                    sidecars.append(Sidecar(kind, FileVersion.of(path)))
            except OSError:
                continue
        return sidecars

    def owners_of(self, sidecar: Path) -> list[str]:
        """The names of the files that a file speaks of; none where it is no sidecar."""
        folder, name = os.path.split(sidecar)
        return self._listed(folder).owners.get(name, [])

    def _listed(self, folder: str) -> "_Folder":
        if folder not in self._folders:
            try:
                names = os.listdir(folder)
            except OSError:
                names = []
            self._folders[folder] = _sorted_out(names)
            if len(self._folders) > _MOST_FOLDERS:
                self._folders.popitem(last=False)
        self._folders.move_to_end(folder)
        return self._folders[folder]


class _Folder(NamedTuple):
    """Which files of a folder speak of which others."""

    owned: dict[str, list[tuple[str, SidecarKind]]]
    """By the name, or name without extension, of a video: its sidecars."""
    owners: dict[str, list[str]]
    """By the name of a sidecar: the files that it speaks of."""


def stamp_of(sidecars: list[Sidecar]) -> str | None:
    """What tells whether sidecars are the same: 32 hex digits of their names, sizes and times.

    None where there are none.
    """
    if not sidecars:
        return None
    seen = [(each.file.path.name, each.file.size_bytes, each.file.mtime_ns) for each in sidecars]
    return sha256(ascii(seen).encode()).hexdigest()[:32]


def _sorted_out(names: list[str]) -> _Folder:
    sidecars = [name for name in names if os.path.splitext(name)[1].lower() in _KINDS]
    called = defaultdict(list)
    for name in set(names).difference(sidecars):
        for owner in _names_of(name):
            called[owner].append(name)
    folder = _Folder(defaultdict(list), {})
    for name in sidecars:
        for owner, kind in _possible_owners(name):
            if owner in called:
                folder.owned[owner].append((name, kind))
                folder.owners[name] = called[owner]
                break
    return folder


def _names_of(video_name: str) -> set[str]:
    """What its sidecars may call a video: with its extension or without."""
    return {video_name, os.path.splitext(video_name)[0]}


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
