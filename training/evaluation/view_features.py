"""Frozen features of the views of videos: computed once, then read from the evaluation's cache.

Axes: B clips, T frames of a clip, V views of a video, F features.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from cpd_model.cache import cache_folder
from cpd_model.encoder import Encoder, FrameEncoder, Frames, Vectors
from index.errors import VideoError
from training.evaluation.cache import (
    EmbeddedFile,
    EmbeddedPool,
    FailedFile,
    OnProgress,
    embed_with_cache,
    hash_file,
    setting_folder,
)
from training.evaluation.views import ClipShape, Submit, Views, clip_shape, crop_views, in_order
from training.features.row_cache import RowCache

_CLIPS_AHEAD = 12
"""Clips that may be decoded before the video tower takes them."""

FeatureSource: TypeAlias = Literal["trunk", "embedding"]
"""What the video tower sees before its projection, or the unit vector that search compares."""


@runtime_checkable
class TrunkEncoder(Encoder, Protocol):
    """An encoder that also tells what its video tower sees before the projection."""

    @property
    def num_features(self) -> int:
        """F."""
        ...

    def video_features(self, clips_BTHWC: Frames) -> Vectors:
        """Features (B, F) of uint8 clips (B, T, H, W, 3) of any height and width."""
        ...


def feature_source(encoder: Encoder, wanted: FeatureSource) -> FeatureSource:
    """The features that there will be: an encoder without trunk features gives its embeddings."""
    return wanted if isinstance(encoder, TrunkEncoder) else "embedding"


def feature_shape(encoder: Encoder, source: FeatureSource) -> ClipShape:
    """The clips that features are taken from.

    Trunks that look across frames are convolutions that take any size: they are tested on all of
    the short side, as in the authors' code. Others get the size that they were made for.
    """
    spec = encoder.clip_spec
    whole = source == "trunk" and spec.resize == "crop" and not isinstance(encoder, FrameEncoder)
    return clip_shape(spec, pixels=spec.short_side if whole else spec.frame_size)


def view_features(
    videos: list[Path],
    encoder: Encoder,
    *,
    views: Views,
    source: FeatureSource,
    cache_root: Path | None = None,
    on_progress: OnProgress = lambda done, total, failed: None,
) -> EmbeddedPool:
    """Features (V, F) of the views of each video, clip by clip and each clip crop by crop.

    Args:
        source: as `feature_source` gives it for this encoder.
    """
    shape = feature_shape(encoder, source)
    width = encoder.embed_dim
    if source == "trunk":
        assert isinstance(encoder, TrunkEncoder)
        width = encoder.num_features
    setting = f"{source}-{views}-{shape.num_frames}f-{shape.span_seconds:g}s-{shape.pixels}px"
    folder = setting_folder(
        cache_root or cache_folder(),
        fingerprint=encoder.fingerprint,
        device=encoder.device,
        setting=setting,
    )
    cache = RowCache(folder, width=width)

    def embed(paths: list[Path]) -> Iterator[EmbeddedFile | FailedFile]:
        from index.decoding.pool import DecodePool  # not before something must be decoded

        with DecodePool() as pool:
            for path, clips in read_views(paths, views, shape, submit=pool.submit):
                content_hash = hash_file(path)
                if isinstance(clips, FailedFile):
                    yield clips
                elif isinstance(content_hash, FailedFile):
                    yield content_hash
                else:
                    rows = [_encode(encoder, source, crops) for crops in clips]
                    yield EmbeddedFile(path, content_hash, np.concatenate(rows))

    return embed_with_cache(videos, cache, embed, on_progress=on_progress)


def read_views(
    paths: list[Path], views: Views, shape: ClipShape, *, submit: Submit
) -> Iterator[tuple[Path, list[Frames] | FailedFile]]:
    """Each video's clips as crops (K, T, S, S, 3), in order; of a failed one the first reason."""
    from index.video.media import read_media_clip

    def start(path: Path, place: float) -> Future[Frames]:
        return submit(
            read_media_clip,
            path,
            path,
            num_frames=shape.num_frames,
            span_seconds=shape.span_seconds,
            place=place,
            short_side=shape.pixels,
        )

    starts = (partial(start, path, place) for path in paths for place in views.places)
    clips = in_order(starts, num_ahead=_CLIPS_AHEAD)
    for path in paths:
        crops: list[Frames] = []
        failed: FailedFile | None = None
        for clip in islice(clips, views.num_clips):
            if isinstance(clip, VideoError):
                failed = failed or FailedFile(path, clip.reason)
            else:
                crops.append(crop_views(clip, views.num_crops))
        yield path, failed or crops


def _encode(encoder: Encoder, source: FeatureSource, clips_BTHWC: Frames) -> Vectors:
    if source == "embedding":
        return encoder.encode_video(clips_BTHWC)
    assert isinstance(encoder, TrunkEncoder)
    return encoder.video_features(clips_BTHWC)
