"""Features of every frame of every pair, from a frozen backbone: read, or computed and kept.

Axes: N frames, R different frames of one medium, V views, T frames of a clip, H height, W width,
C channels (3, RGB), F features of a frame.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Frames
from cpd_model.errors import InputError, ModelError
from index.decoding.pool import DecodePool
from index.errors import VideoError
from training.config import DataChoice
from training.data.augment import names_a_side
from training.data.bad_pairs import BadPairs, OnBad
from training.data.media_tasks import Content, look_at, read_pair_frames
from training.data.pair import Pair
from training.features.frame_table import FrameTable, empty_rows
from training.features.frozen_towers import FrozenTowers

Owner = TypeVar("Owner")

Half: TypeAlias = NDArray[np.float16]

OnProgress: TypeAlias = Callable[[int, int, int], None]
"""Told how many are done, how many there are, and how many failed."""

_AHEAD_BYTES = 256 << 20
"""Decoded frames that may wait for the backbone."""


class Distinct(NamedTuple):
    """The different frames of a medium, and which of them each frame of a clip is."""

    fractions_R: NDArray[np.float64]
    """Where they lie, as `index.video.media.read_media_frames` takes it."""

    row_T: NDArray[np.int64]


def distinct_frames(content: Content, num_frames: int) -> Distinct:
    """The middles of T equal parts; pictures that would be seen twice are one row."""
    part_T = (np.arange(num_frames) + 0.5) / num_frames
    if content.kind == "video":
        return Distinct(part_T, np.arange(num_frames))
    picture_T = np.minimum((part_T * content.num_files).astype(np.int64), content.num_files - 1)
    picture_R, row_T = np.unique(picture_T, return_inverse=True)
    return Distinct((picture_R + 0.5) / content.num_files, row_T.astype(np.int64))


@dataclass(eq=False)
class _Medium:
    """Pairs of equal content, and where their rows stand in the table."""

    content: Content
    pair: Pair
    """One of them, to read it from."""

    frames: Distinct
    starts: list[int]
    """First row of each view in the table."""

    items: list[int]

    @property
    def num_rows(self) -> int:
        """R."""
        return len(self.frames.fractions_R)


def frame_table(
    pairs: Sequence[Pair],
    towers: FrozenTowers,
    *,
    data: DataChoice,
    on_progress: OnProgress = lambda done, total, failed: None,
    on_bad: OnBad = lambda pair, reason: None,
) -> FrameTable:
    """The table of all pairs' frames; what the cache lacks is decoded and computed now.

    The second view is the mirrored one; pairs whose captions say left or right have the plain one
    there too. What is killed here goes on where it was.

    Raises:
        InputError: too many pairs cannot be read (`data.max_bad_fraction`), or the cache folder
            cannot be written.
        ModelError: the backbone gives values that float16 cannot hold.
    """
    if data.feature_views not in (1, 2):
        raise InputError(f"data.feature_views must be 1 or 2, got {data.feature_views}")
    bad = BadPairs(pairs, max_fraction=data.max_bad_fraction, on_bad=on_bad)
    media = _media_of(pairs, towers, data, bad=bad)
    num_rows = sum(len(medium.starts) * medium.num_rows for medium in media)
    try:
        rows_RF = empty_rows(num_rows, towers.num_features, folder=towers.folder)
        _Filling(rows_RF, towers, data, bad=bad, on_progress=on_progress).fill(media)
    except OSError as error:
        raise InputError(
            f"cannot keep features in {towers.folder}: {error.strerror or error}; "
            "make room, or set CPD_CACHE to another folder"
        ) from error
    row_of_VNT = np.full((data.feature_views, len(pairs), towers.clip_spec.num_frames), -1)
    for medium in media:
        for item in medium.items:
            if item not in bad.reasons:
                starts_V = [medium.starts[0]] * data.feature_views
                if not names_a_side(pairs[item].captions):
                    starts_V = medium.starts
                row_of_VNT[:, item] = np.add.outer(starts_V, medium.frames.row_T)
    return FrameTable(rows_RF=rows_RF, row_of_VNT=row_of_VNT, reasons=bad.reasons)


def encode_in_full_chunks(
    parts: Iterable[tuple[Owner, Frames]], encode: Callable[[Frames], Half], *, chunk_size: int
) -> Iterator[tuple[Owner, Half]]:
    """Rows (R, F) of each part's frames (R, H, W, C), in order, encoded so many frames at once.

    The last chunk is filled up. So every frame goes through the same arithmetic, whatever goes with
    it: a run that was killed and goes on computes what it would have computed.
    """
    owners: deque[tuple[Owner, int]] = deque()
    frames: list[Frames] = []
    rows: list[Half] = []

    def finished() -> Iterator[tuple[Owner, Half]]:
        rows_NF = np.concatenate(rows)
        while owners and owners[0][1] <= len(rows_NF):
            owner, count = owners.popleft()
            yield owner, rows_NF[:count]
            rows_NF = rows_NF[count:]
        rows[:] = [rows_NF]

    for owner, frames_RHWC in parts:
        owners.append((owner, len(frames_RHWC)))
        frames.append(frames_RHWC)
        if sum(map(len, frames)) >= chunk_size:
            frames_NHWC = np.concatenate(frames)
            full = len(frames_NHWC) // chunk_size * chunk_size
            rows.append(encode(frames_NHWC[:full]))
            frames = [frames_NHWC[full:]]
            yield from finished()
    if owners:
        frames_NHWC = np.concatenate(frames)
        filler = np.zeros((chunk_size - len(frames_NHWC), *frames_NHWC.shape[1:]), dtype=np.uint8)
        rows.append(encode(np.concatenate([frames_NHWC, filler]))[: len(frames_NHWC)])
        yield from finished()


def _media_of(
    pairs: Sequence[Pair], towers: FrozenTowers, data: DataChoice, *, bad: BadPairs
) -> list[_Medium]:
    """What is there to be seen, each content once, with room in the table."""
    items_of: dict[Content, list[int]] = {}
    with ThreadPoolExecutor(max_workers=4) as threads:  # hashing releases the GIL
        for item, content in enumerate(threads.map(_look, pairs)):
            if isinstance(content, Content):
                items_of.setdefault(content, []).append(item)
            else:
                bad.add(item, content)
    media: list[_Medium] = []
    start = 0
    for content, items in items_of.items():
        frames = distinct_frames(content, towers.clip_spec.num_frames)
        mirrors = not all(names_a_side(pairs[item].captions) for item in items)
        num_views = data.feature_views if mirrors else 1
        starts = [start + view * len(frames.fractions_R) for view in range(num_views)]
        media.append(_Medium(content, pairs[items[0]], frames, starts, items))
        start = starts[-1] + len(frames.fractions_R)
    return media


def _look(pair: Pair) -> Content | str:
    try:
        return look_at(pair)
    except VideoError as error:
        return error.reason
    except OSError as error:
        return error.strerror or str(error)


class _Filling:
    """Writes every medium's rows into the table, from the cache or anew."""

    def __init__(
        self,
        rows_RF: Half,
        towers: FrozenTowers,
        data: DataChoice,
        *,
        bad: BadPairs,
        on_progress: OnProgress,
    ) -> None:
        self._rows_RF = rows_RF
        self._towers = towers
        self._num_workers = data.num_workers
        self._caches = [
            towers.frame_cache(mirrored=view == 1) for view in range(data.feature_views)
        ]
        self._bad = bad
        self._on_progress = on_progress
        self._num_done = len(bad.reasons)

    def fill(self, media: list[_Medium]) -> None:
        self._report(0)
        lacking = [medium for medium in media if not self._fill_from_cache(medium)]
        if not lacking:  # no decoder process is started for nothing
            return
        with DecodePool(num_workers=self._num_workers) as pool:
            for (medium, view), rows_RF in encode_in_full_chunks(
                self._read_views(lacking, pool),
                self._towers.encode_frames,
                chunk_size=self._towers.frames_per_chunk,
            ):
                if not np.isfinite(rows_RF).all():
                    raise ModelError(
                        "the backbone's features are no numbers that float16 can hold; "
                        "check the model's weights with `cpd model verify`"
                    )
                self._caches[view].save(medium.content.content_hash, rows_RF)
                self._write(medium, view, rows_RF)
                if view == len(medium.starts) - 1:
                    self._report(len(medium.items))

    def _fill_from_cache(self, medium: _Medium) -> bool:
        caches = self._caches[: len(medium.starts)]
        stored = [cache.load(medium.content.content_hash) for cache in caches]
        for view, rows_RF in enumerate(stored):
            if rows_RF is None or len(rows_RF) != medium.num_rows:
                return False
            self._write(medium, view, rows_RF)
        self._report(len(medium.items))
        return True

    def _read_views(
        self, media: list[_Medium], pool: DecodePool
    ) -> Iterator[tuple[tuple[_Medium, int], Frames]]:
        """Each medium's frames, view by view; the next media are decoded meanwhile."""
        for medium, future in self._read_ahead(media, pool):
            try:
                frames_RHWC = future.result()
            except VideoError as error:
                for item in medium.items:
                    self._bad.add(item, error.reason)
                self._report(len(medium.items))
                continue
            for view in range(len(medium.starts)):
                yield (medium, view), frames_RHWC[:, :, ::-1] if view else frames_RHWC

    def _read_ahead(
        self, media: list[_Medium], pool: DecodePool
    ) -> Iterator[tuple[_Medium, Future[Frames]]]:
        spec = self._towers.clip_spec
        clip_bytes = 3 * spec.num_frames * spec.frame_size**2
        num_ahead = max(pool.num_workers, min(8 * pool.num_workers, _AHEAD_BYTES // clip_bytes))
        ahead: deque[tuple[_Medium, Future[Frames]]] = deque()
        for medium in media:
            pair, fractions = medium.pair, medium.frames.fractions_R.tolist()
            future = pool.submit_frames(read_pair_frames, pair.path, pair, fractions, spec)
            ahead.append((medium, future))
            if len(ahead) > num_ahead:
                yield ahead.popleft()
        yield from ahead

    def _write(self, medium: _Medium, view: int, rows_RF: Half) -> None:
        start = medium.starts[view]
        self._rows_RF[start : start + medium.num_rows] = rows_RF

    def _report(self, num_more: int) -> None:
        self._num_done += num_more
        self._on_progress(self._num_done, self._bad.num_pairs, len(self._bad.reasons))
