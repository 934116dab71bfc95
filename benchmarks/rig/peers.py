"""Other people's vector indexes behind one protocol, each with the settings its makers name.

None is a dependency of the project: `benchmarks/peers.txt` tells what to install for them. Every
one searches with one thread. Where an engine has a knob that trades time for recall, `efforts` are
its steps, cheapest first; the benchmark takes the first that finds enough.

Axes: N vectors, k found, D dimensions.
"""

import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Vectors

Ids = Sequence[int] | NDArray[np.int64]
Keeps = Mapping[str, NDArray[np.bool_]]
"""Filters by name; which of the N vectors each keeps."""

_AT_ONCE = 10_000


class Engine(Protocol):
    """An index of vectors 0 .. N - 1 in a folder; made in one process, searched in another."""

    name: str
    distributions: Sequence[str]
    """What has to be installed."""
    efforts: Sequence[int]

    def prepare(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        """Bring the vectors to where the index is built from; not counted."""
        ...

    def build(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        """Make the index; its processor time is counted."""
        ...

    def open(self, folder: Path, keeps: Keeps) -> None:
        """Make ready to search; the memory from here on is counted."""
        ...

    def search(self, query_D: Vectors, k: int, *, effort: int, keep: str | None) -> Ids:
        """About the `k` best vectors, among those that a filter keeps."""
        ...


def missing(engine: Engine) -> list[str]:
    """Distributions that an engine needs and this Python lacks."""
    return [name for name in engine.distributions if not _has(name)]


def told_version(engine: Engine) -> str:
    """Its name with the version of what it stands on."""
    version = importlib.metadata.version(engine.distributions[0])
    return f"{engine.name} ({engine.distributions[0]} {version})"


class _Peer:
    """What most engines share: nothing to prepare."""

    def prepare(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        """Nothing: they build from the vectors as they are."""


class FaissFlat(_Peer):
    """Every vector is looked at, as float32."""

    name = "FAISS Flat"
    distributions = ("faiss-cpu",)
    efforts = (0,)

    def build(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        import faiss

        flat = faiss.IndexFlatIP(vectors_ND.shape[1])
        for start in range(0, len(vectors_ND), _AT_ONCE):
            flat.add(np.ascontiguousarray(vectors_ND[start : start + _AT_ONCE]))
        faiss.write_index(flat, str(folder / "flat.faiss"))

    def open(self, folder: Path, keeps: Keeps) -> None:
        import faiss

        self._bits = {name: np.packbits(keep, bitorder="little") for name, keep in keeps.items()}
        self._selectors = {name: faiss.IDSelectorBitmap(bits) for name, bits in self._bits.items()}
        self._parameters = {
            name: faiss.SearchParameters(sel=selector) for name, selector in self._selectors.items()
        }
        self._flat: Any = faiss.read_index(str(folder / "flat.faiss"))

    def search(self, query_D: Vectors, k: int, *, effort: int, keep: str | None) -> Ids:
        parameters = None if keep is None else self._parameters[keep]
        return self._flat.search(query_D[np.newaxis], k, params=parameters)[1][0]


class Hnswlib(_Peer):
    """A graph of float32 vectors; a filter is a function that is asked at every step."""

    name = "hnswlib"
    distributions = ("hnswlib",)
    efforts = (32, 64, 128, 256, 512, 1024)

    def build(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        import hnswlib

        index = hnswlib.Index(space="ip", dim=vectors_ND.shape[1])
        index.init_index(max_elements=len(vectors_ND), M=16, ef_construction=100, random_seed=0)
        for start in range(0, len(vectors_ND), _AT_ONCE):
            index.add_items(np.asarray(vectors_ND[start : start + _AT_ONCE]), num_threads=1)
        (folder / "dim").write_text(str(vectors_ND.shape[1]))
        index.save_index(str(folder / "index.hnswlib"))

    def open(self, folder: Path, keeps: Keeps) -> None:
        import hnswlib

        # A list answers from C, which costs less than any function of Python's own.
        self._kept = {name: keep.tolist().__getitem__ for name, keep in keeps.items()}
        self._index = hnswlib.Index(space="ip", dim=int((folder / "dim").read_text()))
        self._index.load_index(str(folder / "index.hnswlib"))

    def search(self, query_D: Vectors, k: int, *, effort: int, keep: str | None) -> Ids:
        self._index.set_ef(effort)
        kept = None if keep is None else self._kept[keep]
        try:
            return self._index.knn_query(query_D, k, num_threads=1, filter=kept)[0][0]
        except RuntimeError:  # it found fewer than k
            return []


class Usearch(_Peer):
    """A graph of float16 vectors. From Python it takes no filter: ask for more, drop the others."""

    name = "usearch"
    distributions = ("usearch",)
    efforts = (32, 64, 128, 256, 512, 1024)
    _MOST_ASKED = 4096

    def build(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        from usearch.index import Index

        index = Index(
            ndim=vectors_ND.shape[1],
            metric="ip",
            dtype="f16",
            connectivity=16,
            expansion_add=128,
        )
        for start in range(0, len(vectors_ND), _AT_ONCE):
            block = np.asarray(vectors_ND[start : start + _AT_ONCE])
            index.add(np.arange(start, start + len(block)), block, threads=1)
        index.save(str(folder / "index.usearch"))

    def open(self, folder: Path, keeps: Keeps) -> None:
        from usearch.index import Index

        self._keeps = keeps
        self._shares = {name: keep.mean() for name, keep in keeps.items()}
        self._index = Index.restore(str(folder / "index.usearch"))

    def search(self, query_D: Vectors, k: int, *, effort: int, keep: str | None) -> Ids:
        self._index.expansion_search = effort
        if keep is None:
            return self._index.search(query_D, k, threads=1).keys.astype(np.int64)
        asked = min(self._MOST_ASKED, int(1.5 * k / self._shares[keep]))
        found = self._index.search(query_D, asked, threads=1).keys.astype(np.int64)
        return found[self._keeps[keep][found]][:k]


class LanceDb(_Peer):
    """Lists of product-quantised vectors in files; the best are scored again from the vectors."""

    name = "LanceDB IVF_PQ"
    distributions = ("lancedb",)
    efforts = (8, 16, 32, 64, 128, 256)
    """Lists to look into; refined are as many times k."""

    def prepare(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        import lancedb
        import pyarrow

        table = None
        for start in range(0, len(vectors_ND), 10 * _AT_ONCE):
            block = np.asarray(vectors_ND[start : start + 10 * _AT_ONCE])
            flat = pyarrow.array(block.ravel())
            columns = {
                "id": pyarrow.array(np.arange(start, start + len(block))),
                "vector": pyarrow.FixedSizeListArray.from_arrays(flat, block.shape[1]),
                **{
                    name: pyarrow.array(keep[start : start + len(block)])
                    for name, keep in keeps.items()
                },
            }
            if table is None:
                table = lancedb.connect(folder).create_table("v", pyarrow.table(columns))
            else:
                table.add(pyarrow.table(columns))

    def build(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        import lancedb

        table = lancedb.connect(folder).open_table("v")
        table.create_index(
            metric="dot",
            num_partitions=max(16, int(len(vectors_ND) ** 0.5)),
            num_sub_vectors=vectors_ND.shape[1] // 4,
        )
        for name in keeps:
            table.create_scalar_index(name, index_type="BITMAP")

    def open(self, folder: Path, keeps: Keeps) -> None:
        import lancedb

        self._table = lancedb.connect(folder).open_table("v")

    def search(self, query_D: Vectors, k: int, *, effort: int, keep: str | None) -> Ids:
        query = self._table.search(query_D).metric("dot").nprobes(effort).refine_factor(effort)
        if keep is not None:
            query = query.where(f"{keep} = true", prefilter=True)
        return query.limit(k).select(["id", "_distance"]).to_arrow()["id"].to_pylist()


class MilvusLite(_Peer):
    """A graph of float32 vectors inside an embedded server, filters by its own expressions."""

    name = "milvus-lite HNSW"
    distributions = ("milvus-lite", "pymilvus")
    efforts = (32, 64, 128, 256, 512, 1024)

    def build(self, folder: Path, vectors_ND: Vectors, keeps: Keeps) -> None:
        from pymilvus import DataType, MilvusClient

        client = MilvusClient(str(folder / "milvus.db"))
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=vectors_ND.shape[1])
        for name in keeps:
            schema.add_field(name, DataType.BOOL)
        index = client.prepare_index_params()
        graph = {"M": 16, "efConstruction": 100}
        index.add_index("vector", index_type="HNSW", metric_type="IP", params=graph)
        client.create_collection("v", schema=schema, index_params=index)
        for start in range(0, len(vectors_ND), _AT_ONCE // 5):
            block = np.asarray(vectors_ND[start : start + _AT_ONCE // 5])
            kept = {name: keep[start : start + len(block)].tolist() for name, keep in keeps.items()}
            rows = [
                {"id": start + i, "vector": row_D, **{name: kept[name][i] for name in kept}}
                for i, row_D in enumerate(block)
            ]
            client.insert("v", rows)
        client.flush("v")
        client.close()

    def open(self, folder: Path, keeps: Keeps) -> None:
        from pymilvus import MilvusClient

        self._client = MilvusClient(str(folder / "milvus.db"))
        self._client.load_collection("v")

    def search(self, query_D: Vectors, k: int, *, effort: int, keep: str | None) -> Ids:
        found = self._client.search(
            "v",
            [query_D],
            limit=k,
            filter="" if keep is None else f"{keep} == true",
            search_params={"params": {"ef": effort}},
        )
        return [hit["id"] for hit in found[0]]


def _has(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


PEERS: tuple[type[Any], ...] = (FaissFlat, Hnswlib, Usearch, LanceDb, MilvusLite)

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "LANCE_CPU_THREADS": "1",
    "TOKIO_WORKER_THREADS": "1",
}
"""What holds the engines to one thread where their calls cannot say it."""


def hold_to_one_thread() -> None:
    """For this process and those it starts; before the engines are imported."""
    os.environ.update(ONE_THREAD)
