"""What is said of a library's videos, and what a person adds to it: `library.metadata`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from index.catalog.connection import Catalog
from index.catalog.metadata import documents_of, merged_document, put_documents
from index.catalog.texts import VideoText, texts_of
from index.documents import Document, checked_document, set_value, unset_key
from index.library.selection import VideoName, Videos, named_videos, numbers_of


class VideoMetadata(NamedTuple):
    """What is said of one video, and by whom."""

    merged: Document
    """What counts: what a person said above the sidecars above the container. Null hides."""
    container: Document
    sidecar: Document
    user: Document


class SetReport(NamedTuple):
    """What became of a list of metadata."""

    videos: int
    """Whose metadata was set."""
    unknown: list[VideoName]
    """Names that no video of the library has, in their order."""


class Metadata:
    """The metadata of a library's videos; each change is one transaction.

    Keys reach into objects by dots (`gps.lat`). `title`, `caption`, `date` and `place` are known:
    the first two are searched by words, and videos are sorted and filtered by the date.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def get(self, video: VideoName) -> VideoMetadata:
        """What is said of a video.

        Raises:
            UnknownVideoError: there is no such video.
        """
        with self._catalog.read_transaction() as connection:
            (number,) = numbers_of(connection, video)
            said = documents_of(connection, [number]).get(number, {})
        sources = (said.get("container", {}), said.get("sidecar", {}), said.get("user", {}))
        return VideoMetadata(merged_document(said), *sources)

    def texts(self, video: VideoName) -> list[VideoText]:
        """The words that a video can be found by: title, caption, name, the transcript by time.

        Raises:
            UnknownVideoError: there is no such video.
        """
        with self._catalog.read_transaction() as connection:
            (number,) = numbers_of(connection, video)
            return texts_of(connection, number)

    def set(self, videos: Videos, values: Mapping[str, Any]) -> int:
        """Say something of videos, above all that files say; how many they are.

        Args:
            values: JSON values by key; None hides what files say of that key.

        Raises:
            UnknownVideoError: one of them is not in the library.
            InputError: a key cannot be one, or a value is none of JSON's or too large.
        """
        checked = checked_document(values)
        with self._catalog.write_transaction() as transaction:
            numbers = numbers_of(transaction.connection, videos)
            _change(transaction.connection, numbers, lambda _, known: _with(known, checked))
        return len(numbers)

    def set_each(self, values: Iterable[tuple[VideoName, Mapping[str, Any]]]) -> SetReport:
        """Say something else of each of many videos, all in one transaction.

        Args:
            values: a video and what is said of it; those that are not in the library are told.

        Raises:
            InputError: a key cannot be one, or a value is none of JSON's or too large.
        """
        asked = [(name, checked_document(document)) for name, document in values]
        with self._catalog.write_transaction() as transaction:
            connection = transaction.connection
            known = named_videos(connection, [name for name, _ in asked])
            said: dict[int, list[Document]] = {}
            for name, document in asked:
                if name in known:
                    said.setdefault(known[name], []).append(document)
            _change(connection, list(said), lambda number, user: _with(user, *said[number]))
        return SetReport(len(said), [name for name, _ in asked if name not in known])

    def unset(self, videos: Videos, keys: Sequence[str], *, dry_run: bool = False) -> int:
        """Take back what a person said under some keys; how many videos had something there.

        What files say under them counts again.

        Args:
            dry_run: change nothing, only tell how many there are.

        Raises:
            UnknownVideoError: one of them is not in the library.
        """
        if dry_run:
            with self._catalog.read_transaction() as connection:
                return len(_saying(connection, numbers_of(connection, videos), keys))
        with self._catalog.write_transaction() as transaction:
            connection = transaction.connection
            numbers = _saying(connection, numbers_of(connection, videos), keys)
            _change(connection, numbers, lambda _, known: _without(known, keys))
        return len(numbers)


def _change(
    connection: Connection,
    numbers: Sequence[int],
    changed: Callable[[int, Document], Document],
) -> None:
    known = documents_of(connection, numbers)
    documents = {
        number: checked_document(changed(number, known.get(number, {}).get("user", {})))
        for number in numbers
    }
    put_documents(connection, documents, source="user")


def _saying(connection: Connection, numbers: Sequence[int], keys: Sequence[str]) -> list[int]:
    """Those of whom a person said something under these keys."""
    said = documents_of(connection, numbers)
    users = {number: said[number]["user"] for number in said if "user" in said[number]}
    return [number for number, document in users.items() if _without(document, keys) != document]


def _with(document: Document, *said: Document) -> Document:
    for values in said:
        for key, value in values.items():
            document = set_value(document, key, value)
    return document


def _without(document: Document, keys: Sequence[str]) -> Document:
    for key in keys:
        document = unset_key(document, key)
    return document
