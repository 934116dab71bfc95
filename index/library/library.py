"""A library: the facade over catalog, vectors and search that everything else uses.

    DIR/catalog.sqlite3     the truth (index.catalog.connection)
    DIR/parts/              vectors as files, derived from it (index.vectors)
    DIR/snapshots/          what it held at earlier moments (index.library.snapshots)
    DIR/writer.lock         held by the one long run (index.library.lock)

    with Library.open(folder) as library:
        query_D = encoder.encode_text(["a dog catching a frisbee"])[0]
        hits = library.search(query_D, fingerprint=encoder.fingerprint)

A Library is a reader that any number of threads and processes may have open; each search sees all
that was committed before it. `Library.writer()` changes something, at any time; what works for
longer than a moment takes `Library.lease()` first, of which there is one.

Axes: S segments of one video, D dimensions.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from cpd_model.encoder import Vectors
from index.catalog import reads
from index.catalog.connection import CATALOG_NAME, Catalog
from index.catalog.models import list_models
from index.catalog.parts import describe_parts
from index.catalog.records import (
    LibrarySettings,
    LibraryStatus,
    PartStatus,
)
from index.catalog.writes import insert_library
from index.errors import IndexMismatchError, LibraryError, LibraryNotFoundError
from index.library.contents import LibraryContents
from index.library.lock import lease
from index.library.migrating import bring_up_to_date
from index.library.models import Models, lack_of
from index.library.searching import LibrarySearch
from index.library.snapshots import Snapshots
from index.library.verify import verify_library
from index.library.writer import LibraryWriter
from index.search.moments import Hits
from index.search.request import SearchOptions, SearchRequest
from index.vectors.current_view import CurrentView

_CREATION_WAIT_SECONDS = 30


class Library(LibraryContents):
    """A library that is open for searching; a context manager, safe to share between threads."""

    def __init__(
        self, folder: Path, catalog: Catalog, settings: LibrarySettings, *, device: str
    ) -> None:
        super().__init__(catalog, settings)
        self.folder = folder
        self._current_view = CurrentView(folder, catalog, settings, device=device)
        self._search = LibrarySearch(catalog, self._current_view, settings)

    @classmethod
    def create(cls, folder: Path | str, settings: LibrarySettings, *, device: str = "cpu") -> Self:
        """Make a library, or open the one that is there with the same settings.

        Raises:
            IndexMismatchError: the one that is there has other settings.
            LibraryBusyError: another process is making it.
            LibraryError: the folder cannot be made or written to.
        """
        folder = _real_folder(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / CATALOG_NAME).exists():
                (folder / CATALOG_NAME).touch()
        except OSError as error:
            raise LibraryError(f"cannot make a library in {folder}: {error.strerror}") from error
        with contextlib.closing(Catalog(folder / CATALOG_NAME)) as catalog:
            if not _is_complete(catalog):
                _complete(folder, catalog, settings)
        library = cls.open(folder, device=device)
        try:
            _require_same(library, settings)
        except IndexMismatchError:
            library.close()
            raise
        return library

    @classmethod
    def open(
        cls, folder: Path | str, *, device: str = "cpu", model_number: int | None = None
    ) -> Self:
        """Open a library for searching; the vectors are loaded by the first search.

        Args:
            model_number: which of its models answers, as long as this is open; None for the one
                that answers now.
            device: where FAISS searches: `auto`, `cpu`, `cuda` or `cuda:N`. `status()` says where
            it does.

        Raises:
            LibraryNotFoundError: there is none in that folder.
            UnknownModelError: it has no model of that number.
            LibraryError: it is damaged, or from a newer version of the program.
        """
        folder = _real_folder(folder)
        if not (folder / CATALOG_NAME).is_file():
            raise _not_found(folder)
        catalog = Catalog(folder / CATALOG_NAME)
        try:
            if catalog.schema_revision() is None:
                raise _not_found(folder)
            if not catalog.is_current():
                bring_up_to_date(folder, catalog)
            with catalog.read_transaction() as connection:
                facts = catalog.read_library(connection, model_number=model_number)
            if facts is None:
                raise _not_found(folder)
            catalog.keep_to(facts.settings)
            return cls(folder, catalog, facts.settings, device=device)
        except BaseException:
            catalog.close()
            raise

    def close(self) -> None:
        """Close the catalog and give back the vectors' memory."""
        self._search.close()
        self._current_view.close()
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def require(self, *, fingerprint: str, model: str | None = None) -> None:
        """Refuse a model whose vectors live in another space.

        Args:
            model: the name that the asked-for model goes by, for the sentence.

        Raises:
            IndexMismatchError: its fingerprint is another one.
        """
        if fingerprint != self.settings.fingerprint:
            other = f"{model} ({fingerprint[:12]})" if model else fingerprint[:12]
            raise IndexMismatchError(
                f"the library in {self.folder} was built by {self.settings.model} "
                f"({self.settings.fingerprint[:12]}), not by {other}: use that model, "
                f"or index the videos into a new folder; `cpd index reembed` gives a library "
                f"vectors of a second model"
            )

    def prepare(self) -> None:
        """Load the vectors now, so that the first search does not wait for it."""
        self._current_view.get()

    def search(
        self, query_D: Vectors, *, fingerprint: str, **options: Unpack[SearchOptions]
    ) -> Hits:
        """The best moments for a query, best first; see index.search.merging for the rule.

        The list says of itself whether the search was `exact`, with which `recall` if it was not,
        and whether it is `complete`; its `cursor` leads to the next page.

        Args:
            query_D: any length but zero; scores are cosines.
            fingerprint: of the model that made the query, for no vector tells that by itself.
            options: index.search.request.SearchRequest tells each.

        Raises:
            IndexMismatchError: another model made the query.
            InputError: an option is out of its range, or the cursor leads nowhere.
            ValueError: query_D is not D finite numbers.
        """
        self.require(fingerprint=fingerprint)
        return self._search.search(query_D, SearchRequest(**options))

    def status(self) -> LibraryStatus:
        """How much it holds and how it is searched; loads the vectors if no search has."""
        view = self._current_view.get()
        with self._catalog.read_transaction() as connection:
            counts = reads.count_all(connection, model_number=self.settings.model_number)
            parts = describe_parts(connection, self.settings.segment_ids)
            models = list_models(connection)
        missing = []
        if counts.segments and not parts:
            missing.append("no part was published yet: `cpd index add` does at its end")
        missing += [warning for model in models if (warning := lack_of(model, self.folder))]
        settings = self.settings
        return LibraryStatus(
            model=settings.model,
            fingerprint=settings.fingerprint,
            embed_dim=settings.embed_dim,
            window_seconds=settings.window_seconds,
            hop_seconds=settings.hop_seconds,
            **counts._asdict(),
            bytes=_bytes_on_disk(self.folder),
            generation=view.stand.generation,
            parts=len(parts),
            part_list=parts,
            tail_segments=view.tail.num_rows - view.tail.num_removed,
            removed_segments=view.num_removed,
            exact=view.is_exact,
            recall=view.recall,
            models=models,
            search_device=self._current_view.device.name,
            search_device_reason=self._current_view.device.reason,
            warnings=[*self._current_view.warnings, *missing],
        )

    @property
    def models(self) -> Models:
        """Its models: which there are, which one answers, and letting another one."""
        return Models(self.folder, self._catalog)

    @property
    def snapshots(self) -> Snapshots:
        """What is kept of earlier moments."""
        return Snapshots(self.folder, self._catalog)

    def parts(self) -> list[PartStatus]:
        """The published parts, from the catalog alone: no vectors are loaded."""
        with self._catalog.read_transaction() as connection:
            return describe_parts(connection, self.settings.segment_ids)

    def verify(self) -> list[str]:
        """Where catalog and parts do not agree, a sentence each; empty is good."""
        self._catalog.require_open()
        # A catalog of its own, which does not insist on the settings: they are verified too.
        with contextlib.closing(Catalog(self._catalog.path)) as catalog:
            return [found.sentence for found in verify_library(self.folder, catalog)]

    @contextlib.contextmanager
    def writer(self) -> Iterator[LibraryWriter]:
        """A writer for short changes, for the length of a `with` block.

        Each change waits for its turn at the catalog, also beside a run that holds the lease.

        Raises:
            LibraryError: the library is read-only here.
        """
        self._catalog.require_writable()
        with self._writer(holds_lease=False) as writer:
            yield writer

    @contextlib.contextmanager
    def lease(self, *, wait_seconds: float = 0) -> Iterator[LibraryWriter]:
        """The writer of a run that takes long, such as an add; a library has one such run.

        Args:
            wait_seconds: how long to wait for another run to end; 0 asks once.

        Raises:
            LibraryBusyError: another process or thread has such a run; names it.
            LibraryError: the library is read-only here.
        """
        self._catalog.require_writable()
        with (
            lease(self.folder, wait_seconds=wait_seconds),
            self._writer(holds_lease=True) as writer,
        ):
            yield writer

    @contextlib.contextmanager
    def _writer(self, *, holds_lease: bool) -> Iterator[LibraryWriter]:
        writer = LibraryWriter(self.folder, self._catalog, self.settings, holds_lease=holds_lease)
        try:
            yield writer
        finally:
            writer.end()


def _real_folder(folder: Path | str) -> Path:
    return Path(folder).expanduser().resolve()


def _bytes_on_disk(folder: Path) -> int:
    sizes = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # a writer renames and removes meanwhile
                found = (Path(parent) / name).stat()
                sizes[found.st_dev, found.st_ino] = found.st_size  # a snapshot links to parts
    return sum(sizes.values())


def _not_found(folder: Path) -> LibraryNotFoundError:
    return LibraryNotFoundError(
        f"there is no library in {folder}: `cpd index add PATH --library {folder}` creates one"
    )


def _is_complete(catalog: Catalog) -> bool:
    """Whether the file has this program's tables and the row that makes it a library."""
    if catalog.schema_revision() is None or not catalog.is_current():
        return False
    with catalog.read_transaction() as connection:
        return catalog.read_library(connection) is not None


def _complete(folder: Path, catalog: Catalog, settings: LibrarySettings) -> None:
    """Bring the file to where `_is_complete`."""
    if catalog.schema_revision() is not None and not catalog.is_current():
        bring_up_to_date(folder, catalog)
    with lease(folder, wait_seconds=_CREATION_WAIT_SECONDS):
        catalog.migrate()
        with catalog.maintenance_transaction() as connection:
            if catalog.read_library(connection) is None:
                insert_library(connection, settings)


def _require_same(library: Library, asked: LibrarySettings) -> None:
    """Raise IndexMismatchError unless new videos would fit in; the model's name may differ."""
    library.require(fingerprint=asked.fingerprint, model=asked.model)
    has = library.settings
    differing = [
        f"{name.removesuffix('_seconds')} {getattr(has, name)} not {getattr(asked, name)}"
        for name in ("embed_dim", "window_seconds", "hop_seconds")
        if getattr(has, name) != getattr(asked, name)
    ]
    if differing:
        raise IndexMismatchError(
            f"the library in {library.folder} was made with {', '.join(differing)}: "
            f"ask for what it has, or index the videos into a new folder"
        )
