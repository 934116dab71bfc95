"""Video files to embeddings: decoding in child processes while the model encodes what has come.

    paths -> hash + probe -> cut into decode tasks -> frames -> batches across videos -> embeddings
             '------ decoder processes ------'  '-- bounded bytes --'  '-- this thread --'

Results come in the order in which videos get ready. What is in flight is bounded in bytes, not in
videos: a long film uses every decoder, and short clips still fill the encoder's batches together.
"""

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import overload

from cpd_model.encoder import Encoder
from index.ingest.outcomes import EmbeddedVideo, FailedEmbedding, Outcome
from index.ingest.pipeline import Bounds, Decoder, Pipeline
from index.segments import Windows


@overload
def embed_videos(
    paths: Iterable[Path],
    encoder: Encoder,
    decoder: Decoder,
    *,
    window_seconds: float = ...,
    hop_seconds: float = ...,
    known: None = None,
    on_segments: Callable[[int], None] | None = ...,
    bounds: Bounds | None = ...,
) -> Generator[EmbeddedVideo | FailedEmbedding, None, None]: ...


@overload
def embed_videos(
    paths: Iterable[Path],
    encoder: Encoder,
    decoder: Decoder,
    *,
    window_seconds: float = ...,
    hop_seconds: float = ...,
    known: Callable[[Path, str], bool],
    on_segments: Callable[[int], None] | None = ...,
    bounds: Bounds | None = ...,
) -> Generator[Outcome, None, None]: ...


def embed_videos(
    paths: Iterable[Path],
    encoder: Encoder,
    decoder: Decoder,
    *,
    window_seconds: float = 4.0,
    hop_seconds: float = 2.0,
    known: Callable[[Path, str], bool] | None = None,
    on_segments: Callable[[int], None] | None = None,
    bounds: Bounds | None = None,
) -> Generator[Outcome, None, None]:
    """Embed every video, in order of completion; a file that fails is an outcome like the others.

    Paths are drawn as they are needed. With a FrameEncoder every frame goes through the backbone
    once, and overlapping windows share its features.

    Args:
        known: asked with a file's path and content hash; True skips it, as a KnownVideo that comes
            before anything else happens.
        on_segments: told how many segments became ready, also in the middle of a video.

    Raises:
        CPDError: the encoder cannot go on at all; a failure of one video never raises.
    """
    pipeline = Pipeline(
        iter(paths),
        encoder,
        decoder,
        windows=Windows(window_seconds, hop_seconds),
        known=known or (lambda path, content_hash: False),
        on_segments=on_segments or (lambda count: None),
        bounds=bounds or Bounds.for_device(encoder.device),
    )
    return pipeline.outcomes()
