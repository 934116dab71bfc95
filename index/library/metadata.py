"""What is said of a library's videos, and what a person adds to it: `library.metadata`."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cpd_model.errors import InputError
from index.catalog.connection import Catalog
from index.catalog.metadata import change_documents, documents_of, merged_document
from index.catalog.texts import VideoText, texts_of
from index.documents import Document, checked_document, set_values, unset_key
from index.ingest.files import printable
from index.library.selection import VideoName, Videos, named_videos, numbers_of

_SET_AT_ONCE = 10_000
"""Videos whose change is one transaction: a few seconds, and others wait for half a minute."""


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
            change_documents(
                transaction.connection,
                numbers,
                lambda _, known: _with(known, checked),
                source="user",
            )
        return len(numbers)

    def set_each(self, values: Iterable[tuple[VideoName, Mapping[str, Any]]]) -> SetReport:
        """Say something else of each of many videos, 10,000 in one transaction.

        Writers beside it come to their turn between them. Where one of them cannot be set, those
        of the transactions before are.

        Args:
            values: a video and what is said of it; those that are not in the library are told.

        Raises:
            InputError: a key cannot be one, or a value is none of JSON's or too large.
        """
        said_of: set[int] = set()
        unknown: list[VideoName] = []
        left = ((name, _checked(name, document)) for name, document in values)
        while part := list(islice(left, _SET_AT_ONCE)):
            with self._catalog.write_transaction() as transaction:
                known = named_videos(transaction.connection, [name for name, _ in part])
                said = _by_number(part, known)
                _say_each(transaction.connection, said)
            said_of.update(said)
            unknown += [name for name, _ in part if name not in known]
        return SetReport(len(said_of), unknown)

    def unset(self, videos: Videos, keys: Sequence[str], *, dry_run: bool = False) -> int:
        """Take back what a person said under some keys; how many videos had something there.

        What files say under them counts again.

        Args:
            dry_run: change nothing, only tell how many there are.

        Raises:
            UnknownVideoError: one of them is not in the library.
            TypeError: the keys are one text, which would be taken for its letters.
        """
        if isinstance(keys, str):
            raise TypeError(f"keys is a list of texts, such as [{keys!r}], got the text {keys!r}")
        if dry_run:
            with self._catalog.read_transaction() as connection:
                return len(_saying(connection, numbers_of(connection, videos), keys))
        with self._catalog.write_transaction() as transaction:
            connection = transaction.connection
            numbers = _saying(connection, numbers_of(connection, videos), keys)
            change_documents(
                connection, numbers, lambda _, known: _without(known, keys), source="user"
            )
        return len(numbers)


def _checked(name: VideoName, values: Mapping[str, Any]) -> Document:
    try:
        return checked_document(values)
    except InputError as error:
        raise InputError(f"cannot say that of {printable(name)}: {error}") from error


def _by_number(
    part: Iterable[tuple[VideoName, Document]], known: Mapping[VideoName, int]
) -> dict[int, list[Document]]:
    said: dict[int, list[Document]] = {}
    for name, document in part:
        if name in known:
            said.setdefault(known[name], []).append(document)
    return said


def _say_each(connection: Connection, said: Mapping[int, list[Document]]) -> None:
    change_documents(
        connection, said, lambda number, known: _with(known, *said[number]), source="user"
    )


def _saying(connection: Connection, numbers: Sequence[int], keys: Sequence[str]) -> list[int]:
    """Those of whom a person said something under these keys."""
    said = documents_of(connection, numbers)
    users = {number: said[number]["user"] for number in said if "user" in said[number]}
    return [number for number, document in users.items() if _without(document, keys) != document]


def _with(document: Document, *said: Document) -> Document:
    for values in said:
        document = set_values(document, values)
    return document


def _without(document: Document, keys: Sequence[str]) -> Document:
    for key in keys:
        document = unset_key(document, key)
    return document
