"""Keeps the view of one open library in step with its catalog.

Each search asks the catalog for its generation, which costs a fraction of a millisecond; if it has
grown, one thread takes in what is newer while the others wait for it, as what was added is to be
found at once.
"""

import threading
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from cpd_model.encoder import Vectors
from index.catalog import reads
from index.catalog.connection import generation_of, tombstones_since
from index.catalog.records import LibrarySettings
from index.errors import LibraryCorruptError
from index.vectors.faiss_device import (
    CpuSearcher,
    FlatSearcher,
    SearchDevice,
    choose_search_device,
    count_faiss_gpus,
    open_searcher,
)
from index.vectors.snapshot import FlatVectors, build_vectors, read_snapshot
from index.vectors.view import MainIndex, View, first_view

_RELOAD_ROWS = 10_000
"""From so many changed rows on, if a tenth of the main index, a newer snapshot is loaded."""


class CurrentView:
    """The newest view of one library; any number of threads may ask for it."""

    def __init__(self, folder: Path, settings: LibrarySettings, *, device: str) -> None:
        self._folder = folder
        self._embed_dim = settings.embed_dim
        self._view: View | None = None
        self._refreshing = threading.Lock()
        self.device = choose_search_device(device, num_gpus=count_faiss_gpus())
        self.warnings: list[str] = []

    def at(self, connection: Connection) -> View | None:
        """The view of exactly the generation that this transaction sees.

        Returns:
            None when another thread has gone beyond it: begin a new transaction and ask again.
        """
        generation = generation_of(connection)
        view = self._view
        if view is not None and view.generation == generation:
            return view
        with self._refreshing:
            if self._view is None:
                self._view = self._load(connection, generation)
            elif self._view.generation < generation:
                self._view = self._advance(self._view, connection, generation)
            return self._view if self._view.generation == generation else None

    def close(self) -> None:
        """Give back the GPU and the memory."""
        with self._refreshing:
            if self._view is not None:
                self._view.main.searcher.close()
                self._view = None

    def _advance(self, view: View, connection: Connection, generation: int) -> View:
        if tombstones_since(connection) > view.generation or self._newer_snapshot_pays(
            view, connection
        ):
            view.main.searcher.close()  # first: a GPU may not hold two; the CPU answers meanwhile
            return self._load(connection, generation)
        return view.advanced(
            generation=generation,
            added=reads.segments_after(connection, view.generation),
            added_MD=self._vectors_after(connection, view.generation),
            removed_ids=reads.removed_after(connection, view.generation),
        )

    def _newer_snapshot_pays(self, view: View, connection: Connection) -> bool:
        changed = view.tail.num_rows + view.num_removed
        if changed < max(_RELOAD_ROWS, view.num_main // 10):
            return False
        newest = next(iter(reads.published_snapshots(connection)), None)
        return newest is not None and newest.generation > view.main.generation

    def _load(self, connection: Connection, generation: int) -> View:
        main = self._load_main(connection, generation)
        return first_view(
            main,
            reads.segments_after(connection, -1),
            generation=generation,
            tail_MD=self._vectors_after(connection, main.generation),
        )

    def _load_main(self, connection: Connection, generation: int) -> MainIndex:
        """The newest snapshot that is whole; else what the catalog holds, with a warning."""
        self.warnings = []
        for facts in reads.published_snapshots(connection):
            try:
                vectors = read_snapshot(self._folder, facts, embed_dim=self._embed_dim)
            except LibraryCorruptError as error:
                self.warnings.append(f"{error}; searching without it")
                continue
            return MainIndex(vectors, self._searcher(vectors), facts.generation, from_snapshot=True)
        stored = reads.vectors_after(connection, -1, embed_dim=self._embed_dim)
        vectors = build_vectors(stored, embed_dim=self._embed_dim)
        return MainIndex(vectors, self._searcher(vectors), generation, from_snapshot=False)

    def _searcher(self, vectors: FlatVectors) -> FlatSearcher:
        try:
            return open_searcher(vectors.flat, self.device)
        except RuntimeError as error:
            reason = f"{self.device.name} cannot hold the vectors: {str(error).splitlines()[-1]}"
            self.device = SearchDevice("cpu", reason)
            return CpuSearcher(vectors.flat)

    def _vectors_after(self, connection: Connection, generation: int) -> Vectors:
        stored = reads.vectors_after(connection, generation, embed_dim=self._embed_dim)
        rows = [reads.to_unit(row.vectors_SD) for row in stored]
        return np.concatenate([np.empty((0, self._embed_dim), dtype=np.float32), *rows])
