"""Memory banks: one vector for each pair of the list, as the model last saw it.

Axes: N items, D dimensions, B pairs, K negatives, G pairs of all processes.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cpd_model.errors import InputError
from training.config import BankDtype

_DTYPES = {"float32": torch.float32, "float16": torch.float16}
_CHUNK_ROWS = 16_384
"""Rows that are drawn or read at a time, so that a bank on disk is never in memory at once."""

_BAG_ROWS = 2_048
"""Rows that one thread or GPU block sums up: enough of them to keep a GPU busy."""

_GATHERED_BYTES = 2**28
"""Memory for negatives that are copied together, where they cannot be read in place."""


def bank_bytes(num_items: int, embed_dim: int, *, dtype: BankDtype) -> int:
    """What both banks take, in memory or on disk; with `bank_on_disk`, of each process.

    A checkpoint holds both banks too, so this is also what they add to each checkpoint.
    """
    return 2 * num_items * embed_dim * _DTYPES[dtype].itemsize


def draw_negatives(items_B: Tensor, count: int, *, num_items: int, seed: list[int]) -> Tensor:
    """Item indices (B, count), int64: uniform over all N items, with replacement.

    A pair's own item may be among them, as in the authors' code.

    Args:
        seed: what the draw is a function of, together with the kind of device.
    """
    generator = torch.Generator(items_B.device).manual_seed(_seed_number(seed))
    shape = (len(items_B), count)
    return torch.randint(num_items, shape, generator=generator, device=items_B.device)


class MemoryBank:
    """N unit vectors that change only by `update`.

    They start as random directions. (The authors draw each value uniformly, which gives lengths
    around 1, and never normalises a row before its first update.)
    """

    def __init__(self, rows_ND: Tensor, *, momentum: float) -> None:
        """A bank of given rows, which become its own.

        Args:
            momentum: share of a row's old vector in its new one, in [0, 1].
        """
        self.rows_ND = rows_ND
        self._momentum = momentum

    @classmethod
    def random(
        cls,
        num_items: int,
        embed_dim: int,
        *,
        momentum: float,
        dtype: BankDtype,
        seed: list[int],
        place: str | Path,
    ) -> "MemoryBank":
        """A new bank on a device, or in a file that takes the place of memory.

        The file has no name once it is in use: checkpoints hold the rows, whole, so that a run
        goes on exactly at the price of both banks' bytes in each checkpoint.

        Raises:
            InputError: the file does not fit on its disk, or cannot be written.
        """
        shape = (num_items, embed_dim)
        chunks = _random_rows(shape, dtype=_DTYPES[dtype], seed=seed)
        if isinstance(place, Path):
            return cls(_file_rows(place, shape, _DTYPES[dtype], chunks), momentum=momentum)
        rows_ND = torch.empty(shape, dtype=_DTYPES[dtype], device=place)
        start = 0
        for chunk_ND in chunks:
            rows_ND[start : start + len(chunk_ND)] = chunk_ND.to(place)
            start += len(chunk_ND)
        return cls(rows_ND, momentum=momentum)

    def similarities(self, queries_BD: Tensor, items_BK: Tensor) -> Tensor:
        """Cosines (B, K), float32, of each query with its own K items, without holding (B, K, D).

        Differentiable in the queries. Rows are read where they stand; only those of float16 or
        on another device are copied first, a part at a time.
        """
        cosines_BK: Tensor = _Similarities.apply(  # type: ignore[no-untyped-call]
            queries_BD, self.rows_ND, items_BK
        )
        return cosines_BK

    def shared_similarities(self, queries_BD: Tensor, items_K: Tensor) -> Tensor:
        """Cosines (B, K), float32, of each query with the same K items: one product."""
        with torch.autocast(queries_BD.device.type, enabled=False):
            return queries_BD.float() @ self._read(items_K, queries_BD.device).T

    @torch.no_grad()
    def update(self, items_G: Tensor, embeddings_GD: Tensor) -> None:
        """Mix unit vectors into their rows, and make these unit vectors again.

        Of an item that stands there more than once, the last vector counts.
        """
        old_GD = self._read(items_G, embeddings_GD.device)
        new_GD = F.normalize(torch.lerp(embeddings_GD.float(), old_GD, self._momentum), dim=1)
        # equal items write equal vectors, so that the order of the writes does not matter
        order_G = torch.arange(len(items_G), device=items_G.device)
        last_G = ((items_G.unsqueeze(1) == items_G) * order_G).amax(dim=1)
        here = self.rows_ND.device
        self.rows_ND.index_copy_(0, items_G.to(here), new_GD[last_G].to(here, self.rows_ND.dtype))

    def state_dict(self) -> dict[str, Any]:
        """All rows. Those on disk are not read before somebody writes them elsewhere."""
        return {"rows": self.rows_ND}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Copy the rows back, a part at a time.

        Raises:
            ValueError: they are of another shape or dtype.
        """
        rows_ND = state["rows"]
        if rows_ND.shape != self.rows_ND.shape or rows_ND.dtype != self.rows_ND.dtype:
            raise ValueError(
                f"the bank holds {tuple(self.rows_ND.shape)} {self.rows_ND.dtype}, "
                f"got {tuple(rows_ND.shape)} {rows_ND.dtype}"
            )
        for start in range(0, len(rows_ND), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            self.rows_ND[part] = rows_ND[part].to(self.rows_ND.device)

    def _read(self, items: Tensor, device: torch.device) -> Tensor:
        return _rows_of(self.rows_ND, items, device)


def check_disk(folder: Path, *, needed_bytes: int) -> None:
    """Whether a disk takes so many bytes.

    Raises:
        InputError: it does not; nothing was written.
    """
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    free_bytes = shutil.disk_usage(parent).free
    if free_bytes < needed_bytes:
        raise InputError(
            f"the memory banks need {_gigabytes(needed_bytes)} on the disk of {folder}, for "
            f"themselves and the first checkpoint, and {_gigabytes(free_bytes)} are free: make "
            "room, choose another --out, or halve them with --set loss.bank_dtype=float16"
        )


class _Similarities(torch.autograd.Function):
    """Both passes as one weighted sum or one dot product a row, without a copy of the rows.

    embedding_bag sums weighted rows, which is the gradient of a query; the gradient of its
    weights is the dot product with a row, which is the similarity.
    """

    @staticmethod
    def forward(ctx: Any, queries_BD: Tensor, rows_ND: Tensor, items_BK: Tensor) -> Tensor:
        # the rows change after the loss: what is saved must be used before that
        ctx.rows_ND, ctx.dtype = rows_ND, queries_BD.dtype
        ctx.save_for_backward(items_BK)
        queries_BD = queries_BD.float()
        return torch.cat(
            [
                _dots(queries_BD[part], table_ND, places_bK)
                for part, table_ND, places_bK in _readable(rows_ND, items_BK)
            ]
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (items_BK,) = ctx.saved_tensors
        sums_BD = torch.cat(
            [
                _weighted_sums(grads[0][part], table_ND, places_bK)
                for part, table_ND, places_bK in _readable(ctx.rows_ND, items_BK)
            ]
        )
        return sums_BD.to(ctx.dtype), None, None


def _readable(rows_ND: Tensor, items_BK: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Parts of the batch, each with a float32 table on its device and its places in there."""
    num_pairs, count = items_BK.shape
    if rows_ND.device == items_BK.device and (
        rows_ND.dtype == torch.float32 or len(rows_ND) <= items_BK.numel()
    ):
        yield slice(0, num_pairs), rows_ND.float(), items_BK
        return
    step = max(1, _GATHERED_BYTES // (4 * rows_ND.shape[1] * count))
    for start in range(0, num_pairs, step):
        items_bK = items_BK[start : start + step]
        table = _rows_of(rows_ND, items_bK.reshape(-1), items_BK.device)
        places = torch.arange(items_bK.numel(), device=items_BK.device)
        yield slice(start, start + step), table, places.view_as(items_bK)


def _dots(queries_bD: Tensor, table_ND: Tensor, places_bK: Tensor) -> Tensor:
    num_pairs, count = places_bK.shape
    device = places_bK.device
    dots: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        queries_bD.contiguous(),
        table_ND,
        places_bK.reshape(-1),
        torch.arange(0, num_pairs * count, count, device=device),
        torch.arange(num_pairs, device=device).repeat_interleave(count),
        0,  # mode: sum
    )
    return dots.view_as(places_bK)


def _weighted_sums(weights_bK: Tensor, table_ND: Tensor, places_bK: Tensor) -> Tensor:
    num_pairs, count = places_bK.shape
    starts = torch.arange(0, count, _BAG_ROWS, device=places_bK.device)
    offsets = torch.arange(num_pairs, device=places_bK.device).unsqueeze(1) * count + starts
    sums = F.embedding_bag(
        places_bK.reshape(-1),
        table_ND,
        offsets.reshape(-1),
        mode="sum",
        per_sample_weights=weights_bK.reshape(-1),
    )
    return sums.view(num_pairs, len(starts), -1).sum(dim=1)


def _rows_of(rows_ND: Tensor, items: Tensor, device: torch.device) -> Tensor:
    return rows_ND[items.to(rows_ND.device)].to(device).float()


def _random_rows(
    shape: tuple[int, int], *, dtype: torch.dtype, seed: list[int]
) -> Iterator[Tensor]:
    """Unit rows by parts, the same wherever the bank will be."""
    generator = torch.Generator().manual_seed(_seed_number(seed))
    for start in range(0, shape[0], _CHUNK_ROWS):
        size = (min(_CHUNK_ROWS, shape[0] - start), shape[1])
        yield F.normalize(torch.randn(size, generator=generator), dim=1).to(dtype)


def _file_rows(
    path: Path, shape: tuple[int, int], dtype: torch.dtype, chunks: Iterator[Tensor]
) -> Tensor:
    """Rows in a file. They are written before they are mapped: a full disk is an error here,
    while a mapped file with holes would kill the process on the first row that does not fit."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for chunk_ND in chunks:
                file.write(chunk_ND.numpy().tobytes())
    except OSError as error:
        path.unlink(missing_ok=True)
        full = error.errno == errno.ENOSPC
        reason = "the disk is full" if full else str(error.strerror)
        raise InputError(
            f"cannot write the memory bank {path} ({reason}): make room or choose another --out"
        ) from error
    rows = torch.from_file(str(path), shared=True, size=shape[0] * shape[1], dtype=dtype)
    with suppress(OSError):  # what is mapped lives on, and a killed run leaves nothing behind
        path.unlink()
    return rows.view(shape)


def _seed_number(seed: list[int]) -> int:
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
