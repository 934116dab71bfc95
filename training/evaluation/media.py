"""Whatever a list names, embedded: videos by segments, pictures and folders of frames as a whole.

Axes: T frames of a clip, B clips of a batch, N frames of several pictures, D shared space.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cpd_model.encoder import Encoder, FrameEncoder, Frames, Vectors
from index.decoding.pool import DecodePool
from index.errors import VideoError
from index.ingest.embed import embed_videos
from index.ingest.outcomes import EmbeddedVideo, FailedEmbedding
from index.video.still import stills_in
from training.data.media_tasks import kind_of, read_pair_frames
from training.data.pair import Pair
from training.data.webdataset import open_media
from training.evaluation.cache import EmbeddedFile, FailedFile, hash_file
from training.evaluation.views import in_order

_STILLS_PER_BATCH = 16
_STILLS_AHEAD = 64


def embed_media(
    videos: Mapping[Path, Pair], encoder: Encoder, *, windows: tuple[float, float]
) -> Iterator[EmbeddedFile | FailedFile]:
    """Segment embeddings of media by their addresses, one answer for each, in any order.

    A video is cut into windows as `cpd index add` does it. A picture, or a folder of frames, has no
    time: it is one segment, whose frames are the middles of T equal parts of its pictures.

    Args:
        windows: length of a segment, and from one to the next, in seconds.
    """
    kinds = {address: kind_of(pair) for address, pair in videos.items()}
    films = {address: pair for address, pair in videos.items() if kinds[address] == "video"}
    stills = {address: pair for address, pair in videos.items() if kinds[address] != "video"}
    with DecodePool() as pool:
        if films:
            yield from _embed_films(films, encoder, pool, windows=windows)
        if stills:
            yield from _embed_stills(stills, encoder, pool)


def _embed_films(
    films: Mapping[Path, Pair], encoder: Encoder, pool: DecodePool, *, windows: tuple[float, float]
) -> Iterator[EmbeddedFile | FailedFile]:
    failed: list[FailedFile] = []
    # what is in an archive lies outside it for as long as it is under way
    copies: dict[Path, tuple[Path, ExitStack]] = {}

    def drawn() -> Iterator[Path]:
        for address, pair in films.items():
            stack = ExitStack()
            try:
                path = stack.enter_context(open_media(pair))
            except VideoError as error:
                failed.append(FailedFile(address, error.reason))
                continue
            copies[path] = address, stack
            yield path

    window, hop = windows
    try:
        for result in embed_videos(drawn(), encoder, pool, window_seconds=window, hop_seconds=hop):
            address, stack = copies.pop(result.path)
            stack.close()
            if isinstance(result, EmbeddedVideo):
                yield EmbeddedFile(address, result.content_hash, result.embeddings_SD)
            elif isinstance(result, FailedEmbedding):
                yield FailedFile(address, result.reason)
    finally:
        for _, stack in copies.values():
            stack.close()
    yield from failed


class _Plan(NamedTuple):
    """What is read of a medium without time."""

    address: Path
    pair: Pair
    fractions: list[float]
    """Of the pictures that are looked at, each once."""

    which_T: NDArray[np.intp]
    """The picture of each frame of the clip, as its place in `fractions`."""


def _embed_stills(
    stills: Mapping[Path, Pair], encoder: Encoder, pool: DecodePool
) -> Iterator[EmbeddedFile | FailedFile]:
    spec = encoder.clip_spec
    plans = []
    for address, pair in stills.items():
        try:
            plans.append(_plan(address, pair, num_frames=spec.num_frames))
        except VideoError as error:
            yield FailedFile(address, error.reason)
    starts = (
        partial(pool.submit_frames, read_pair_frames, plan.address, plan.pair, plan.fractions, spec)
        for plan in plans
    )
    readings = zip(plans, in_order(starts, num_ahead=_STILLS_AHEAD), strict=True)
    while batch := list(islice(readings, _STILLS_PER_BATCH)):
        read: list[tuple[_Plan, Frames]] = []
        for plan, reading in batch:
            if isinstance(reading, VideoError):
                yield FailedFile(plan.address, reading.reason)
            else:
                read.append((plan, reading))
        if read:
            for (plan, _), row_D in zip(read, _encode(encoder, read), strict=True):
                known_by = hash_file(plan.pair.path, plan.pair.members)
                yield (
                    known_by
                    if isinstance(known_by, FailedFile)
                    else EmbeddedFile(plan.address, known_by, row_D[None])
                )


def _plan(address: Path, pair: Pair, *, num_frames: int) -> _Plan:
    count = len(pair.members) or (len(stills_in(pair.path)) if pair.path.is_dir() else 1)
    middle_T = (np.arange(num_frames) + 0.5) / num_frames
    looked_at, which_T = np.unique((middle_T * count).astype(np.intp), return_inverse=True)
    return _Plan(address, pair, ((looked_at + 0.5) / count).tolist(), which_T)


def _encode(encoder: Encoder, read: list[tuple[_Plan, Frames]]) -> Vectors:
    """Unit vectors (B, D); where the encoder looks at frames alone, at each picture once."""
    if not isinstance(encoder, FrameEncoder):
        return encoder.encode_video(np.stack([frames[plan.which_T] for plan, frames in read]))
    features_NF = encoder.encode_frames(np.concatenate([frames for _, frames in read]))
    ends = np.cumsum([len(frames) for _, frames in read])[:-1]
    parts = np.split(features_NF, ends)
    clips_BTF = [part[plan.which_T] for (plan, _), part in zip(read, parts, strict=True)]
    return encoder.pool_frames(np.stack(clips_BTF))
