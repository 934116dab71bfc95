"""What an add takes in of the files beside its videos, and what it tells of broken ones."""

from pathlib import Path
from typing import TYPE_CHECKING

from index.catalog.metadata import Said
from index.errors import UnknownVideoError
from index.ingest.outcomes import HashedVideo
from index.library.add_report import AddFailure, Tally
from index.sidecars.finding import Sidecar, SidecarFinder, stamp_of
from index.sidecars.reading import SidecarContent, read_sidecars

if TYPE_CHECKING:
    from index.library.writer import LibraryWriter

SIDECAR_CODE = "sidecar"
"""What programs know a sidecar that cannot be read by."""

_BROKEN = "!"
"""Before the stamp of sidecars of which some were broken: they are told at each add."""


class SidecarsOfRun:
    """Reads the sidecars of one add's videos; the folder of a library's videos is listed once."""

    def __init__(self, writer: "LibraryWriter", tally: Tally) -> None:
        self._writer = writer
        self._tally = tally
        self._finder = SidecarFinder()
        self._stamps = writer.find_sidecar_stamps()

    def said(self, video: HashedVideo) -> Said:
        """What a video's container and its sidecars say."""
        content, stamp = self._read(self._finder.beside(video.path))
        return Said(video.document, content, stamp)

    def update(self, video_id: str, path: Path) -> bool:
        """Take in what the sidecars of an unchanged video say; whether they had changed."""
        sidecars = self._finder.beside(path)
        known = self._stamps.get(video_id)
        if stamp_of(sidecars) == (known and known.removeprefix(_BROKEN)):
            if known is not None and known.startswith(_BROKEN):
                self._read(sidecars)
            return False
        content, stamp = self._read(sidecars)
        try:
            self._writer.put_sidecars(video_id, content, stamp=stamp)
        except UnknownVideoError:  # somebody removed it meanwhile
            return False
        return True

    def _read(self, sidecars: list[Sidecar]) -> tuple[SidecarContent, str | None]:
        """Their content and the stamp to store; broken ones are told."""
        content, stamp = read_sidecars(sidecars), stamp_of(sidecars)
        for broken in content.broken:
            warning = AddFailure(broken.path, broken.reason, SIDECAR_CODE)
            self._tally.warnings.append(warning)
        return content, f"{_BROKEN}{stamp}" if content.broken else stamp
