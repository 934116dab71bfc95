"""Keeps the view of one open library in step with its catalog.

Each search asks the catalog where it stands, which costs a fraction of a millisecond; if that is
elsewhere than the view, one thread takes in what is newer while the others wait for it, as what was
added is to be found at once. A catalog with another history, restored from a backup or put into the
place of the one before, has everything opened afresh.
"""

import contextlib
import threading
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from index.catalog.connection import Catalog, Stand, has_passed, stand_of
from index.catalog.parts import (
    PartFacts,
    PartGoneError,
    PartsMark,
    StoredRows,
    mark_damaged,
    mark_of_parts,
    newest_segment_id,
    published_parts,
    removed_between,
    require_all,
    require_listed,
    rows_between,
)
from index.catalog.reads import removed_after
from index.catalog.records import LibrarySettings
from index.errors import LibraryCorruptError, LibraryError
from index.vectors.checked_file import found_damaged
from index.vectors.faiss_device import SearchDevice, choose_search_device, count_faiss_gpus
from index.vectors.part import Part, part_in_memory
from index.vectors.part_files import open_part
from index.vectors.view import View

_MEMORY_PART_ROWS = 10_000
"""From so many rows on, what no part holds is made into one in memory: FAISS is faster on it."""


class CurrentView:
    """The newest view of one library; any number of threads may ask for it."""

    def __init__(
        self, folder: Path, catalog: Catalog, settings: LibrarySettings, *, device: str
    ) -> None:
        self._folder = folder
        self._catalog = catalog
        self._settings = settings
        self._ids = settings.segment_ids
        self._view: View | None = None
        self._facts: list[PartFacts] | None = None
        """The parts of the view as they were listed; None where they are to be opened anew."""
        self._mark: PartsMark | None = None
        """Of that list."""
        self._distrusted: dict[str, LibraryCorruptError] = {}
        """Parts that turned out damaged, by name."""
        self._unmarked: list[str] = []
        """Those of which the catalog does not know yet."""
        self.num_made = 0
        """How many views there were so far."""
        self._refreshing = threading.Lock()
        self.device = choose_search_device(device, num_gpus=count_faiss_gpus())
        self.warnings: list[str] = []

    def get(self) -> View:
        """The view of the catalog as it stands now, or of a later moment.

        Raises:
            LibraryError: the catalog cannot be read.
        """
        while True:
            made_before = self.num_made
            with self._catalog.read_transaction() as connection:
                view = self.at(connection, made_before=made_before)
            self._mark_damaged()
            if view is not None:
                return view

    def distrust(self, view: View) -> bool:
        """Look through the parts of a view in which damage was met; whether there was any.

        The parts that are not what was written are used no more: what they held is read from the
        catalog. They are marked there, so that the next publish makes them anew.
        """
        with self._refreshing:
            has_damage = self._look_through([placed.part for placed in view.parts])
            self._drop_view()
        self._mark_damaged()
        return has_damage

    def close(self) -> None:
        """Give back the GPU and the memory."""
        with self._refreshing:
            self._drop_view()

    def at(self, connection: Connection, *, made_before: int) -> View | None:
        """The view of exactly what this transaction sees.

        Args:
            made_before: `num_made` before the transaction began.

        Returns:
            None when others have gone beyond it: begin a new transaction and ask again.
        """
        stand, mark = stand_of(connection), mark_of_parts(connection, self._ids)
        view = self._view
        if view is not None and view.stand == stand and mark == self._mark:
            return view
        with self._refreshing:
            view = self._view
            is_new = self.num_made != made_before  # made meanwhile: its parts are as good, or newer
            if view is not None and view.stand == stand and (is_new or mark == self._mark):
                return view
            try:
                if view is not None and has_passed(connection, view.stand):
                    self._view = self._advanced(view, connection, stand)
                elif view is not None and is_new:
                    return None  # made meanwhile by another thread, from a newer state
                else:
                    # None yet, or one that was there when the transaction began and that the
                    # catalog does not know. Parts of the same name hold the same whatever the
                    # history.
                    self._view = self._loaded(connection, stand)
            except PartGoneError:
                return None  # merged away by another process since the transaction began
            self.num_made += 1
            return self._view

    def _advanced(self, view: View, connection: Connection, stand: Stand) -> View:
        if published_parts(connection, self._ids) != self._facts:
            return self._loaded(connection, stand)
        newest = max(view.last_segment_id, self._ids.first - 1)  # 0 is that of an empty view
        added = self._rows(connection, newest + 1, self._ids.last)
        removed_ids = removed_after(connection, view.stand.generation)
        try:
            return view.advanced(stand=stand, added=added, removed_ids=removed_ids)
        except LibraryCorruptError:  # met in a removed row, which is read once more
            if not self._look_through([placed.part for placed in view.parts]):
                raise
            return self._loaded(connection, stand)

    def _loaded(self, connection: Connection, stand: Stand) -> View:
        """A view from the parts that are listed; those that are open already stay open."""
        before = {} if self._view is None else {p.part.name: p.part for p in self._view.parts}
        self._facts, self.warnings = None, []
        listed = published_parts(connection, self._ids)
        parts = [self._part(connection, facts, before) for facts in listed]
        self._facts, self._mark = listed, mark_of_parts(connection, self._ids)
        kept = {part.name for part in parts if part is not None}
        for name, part in before.items():
            if name not in kept:
                part.index.close()  # a GPU may not hold two; the CPU answers meanwhile
        last_id = listed[-1].last_segment_id if listed else self._ids.first - 1
        newer = self._rows(connection, last_id + 1, self._ids.last)
        if sum(len(rows.vectors_ND) for rows in newer) >= _MEMORY_PART_ROWS:
            in_memory = part_in_memory(
                newer,
                generation=stand.generation,
                first_segment_id=last_id + 1,
                last_segment_id=newest_segment_id(connection, self._ids),
            )
            parts.append(in_memory)
            newer = []
        opened = [part for part in parts if part is not None]
        removed_ids = removed_between(connection, *self._ids)
        try:
            view = View.of_parts(
                opened, removed_ids, stand=stand, embed_dim=self._settings.embed_dim
            )
        except LibraryCorruptError:  # met in a removed row, which is read once more
            if not self._look_through(opened):
                raise
            return self._loaded(connection, stand)
        nothing = np.empty(0, dtype=np.int64)
        view = view.advanced(stand=stand, added=newer, removed_ids=nothing)
        require_all(connection, view.num_live, model_number=self._settings.model_number)
        return view

    def _part(
        self, connection: Connection, facts: PartFacts, before: dict[str, Part]
    ) -> Part | None:
        """A listed part; what the catalog holds in its place, with a warning, if it is damaged.

        Returns:
            None where nothing of its range is alive.
        """
        try:
            return self._trusted(facts, before)
        except LibraryCorruptError as error:
            require_listed(self._catalog, facts)
            self.warnings.append(f"{error}; searching without it")
        first_id, last_id = facts.first_segment_id, facts.last_segment_id
        rows = self._rows(connection, first_id, last_id)
        if not rows:
            return None
        return part_in_memory(
            rows,
            generation=stand_of(connection).generation,
            first_segment_id=first_id,
            last_segment_id=last_id,
        )

    def _trusted(self, facts: PartFacts, before: dict[str, Part]) -> Part:
        """A part that nobody found damaged, opened unless it is.

        Raises:
            LibraryCorruptError: somebody did, or it shows now.
        """
        if facts.name in self._distrusted:
            raise self._distrusted[facts.name]
        if facts.damaged:  # FAISS would look through it whole, and not see what is missing
            raise found_damaged(facts.name)
        if facts.name in before:
            return before[facts.name]
        try:
            return open_part(self._folder, facts, device=self.device)
        except RuntimeError as error:
            said = str(error).splitlines()[-1]
            reason = f"{self.device.name} cannot hold the vectors: {said}"
            self.device = SearchDevice("cpu", reason)
            return open_part(self._folder, facts, device=self.device)

    def _rows(self, connection: Connection, first_id: int, last_id: int) -> list[StoredRows]:
        return list(rows_between(connection, first_id, last_id, embed_dim=self._settings.embed_dim))

    def _look_through(self, parts: list[Part]) -> bool:
        """Read some parts whole and distrust those that are damaged; whether there was one."""
        found: dict[str, LibraryCorruptError] = {}
        for part in parts:
            try:
                part.check_all()
            except LibraryCorruptError as error:
                found[part.name] = error
        self._distrusted |= found
        self._unmarked += found
        return bool(found)

    def _mark_damaged(self) -> None:
        """Note in the catalog what was found damaged since, in a transaction of its own."""
        names, self._unmarked = self._unmarked, []
        if not names:
            return
        # A reader may be unable to write, on a read-only mount or a full disk: then the mark is
        # left to `cpd index verify` or the next add.
        with contextlib.suppress(LibraryError), self._catalog.maintenance_transaction() as writing:
            mark_damaged(writing, names)

    def _drop_view(self) -> None:
        if self._view is not None:
            for placed in self._view.parts:
                placed.part.index.close()
            self._view = None
