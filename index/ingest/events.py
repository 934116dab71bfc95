"""What an `index add` tells while it goes on, to whoever listens."""

from typing import Literal, Protocol, TypeAlias

FileEnd: TypeAlias = Literal["added", "updated", "unchanged", "failed", "ignored"]


class AddListener(Protocol):
    """Told how an add goes on; never asked anything."""

    def found_files(self, count: int) -> None:
        """So many files were found up to now, and will come to an end; told as they are found."""
        ...

    def file_ended(self, how: FileEnd) -> None:
        """One file is settled."""
        ...

    def segments_embedded(self, count: int) -> None:
        """So many more segments have their vector; their video may still be under way."""
        ...


class SilentListener:
    """Hears everything, says nothing."""

    def found_files(self, count: int) -> None:
        pass

    def file_ended(self, how: FileEnd) -> None:
        pass

    def segments_embedded(self, count: int) -> None:
        pass
