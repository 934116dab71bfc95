"""Labels for stored videos and uploads, made on a thread of their own, never on the event loop."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cpd_model.encoder import Encoder
from cpd_model.zero_shot import ACTION_TEMPLATES, label_matrix
from index.catalog.records import LibrarySettings
from index.errors import VideoError
from index.ingest.pipeline import Decoder
from index.label import (
    LabelledSegment,
    LabelledVideo,
    check_labels,
    label_video,
    score_labels,
    weakness_of,
)
from index.library.library import Library
from service.core.errors import OverloadedError, UploadTooLargeError
from service.core.labels import Classification, LabelOrder
from service.runtime.executors import BoundedExecutor
from service.runtime.model import ServedModel
from service.settings import Settings

if TYPE_CHECKING:
    from index.video.facts import VideoFacts


class ProbingDecoder(Decoder, Protocol):
    """A decoder that also tells how long a video is, before it decodes any of it."""

    def probe(self, path: Path) -> "Future[VideoFacts]":
        """Facts of a file; raises VideoError."""
        ...


class LibraryLabels:
    """`service.core.labels.Labels` over a library."""

    def __init__(
        self,
        library: Library,
        model: ServedModel,
        decoder: ProbingDecoder,
        executor: BoundedExecutor,
        settings: Settings,
    ) -> None:
        self._library = library
        self._model = model
        self._decoder = decoder
        self._executor = executor
        self._settings = settings

    async def of_stored(self, video_id: str, order: LabelOrder) -> Classification:
        encoder = self._model.encoder
        return await self._executor.run(
            partial(label_stored, self._library, video_id, order, encoder)
        )

    async def of_upload(self, path: Path, file_name: str, order: LabelOrder) -> Classification:
        encoder = self._model.encoder
        return await self._executor.run(
            partial(
                label_upload,
                path,
                file_name,
                order,
                encoder,
                self._decoder,
                settings=self._library.settings,
                max_seconds=self._settings.max_upload_seconds,
            )
        )


def label_stored(
    library: Library, video_id: str, order: LabelOrder, encoder: Encoder
) -> Classification:
    """Label a video of the library from its stored embeddings: nothing is decoded.

    Raises:
        UnknownVideoError: there is none of that id.
        InputError: the labels are fewer than two, or one is given twice.
    """
    check_labels(order.labels)
    video = library.video(video_id)
    segments = library.segments(video_id)
    embeddings_SD = library.embeddings(video_id)
    if len(segments) != len(embeddings_SD):
        raise OverloadedError(f"video {video_id} is being indexed again; try again in a moment")
    labels_LD = label_matrix(encoder, order.labels, order.templates or ACTION_TEMPLATES)
    labelled = score_labels(
        video.path, order.labels, labels_LD, segments, embeddings_SD, encoder=encoder
    )
    return _classification(labelled, order, path=str(video.path), video_id=video_id)


def label_upload(
    path: Path,
    file_name: str,
    order: LabelOrder,
    encoder: Encoder,
    decoder: ProbingDecoder,
    *,
    settings: LibrarySettings,
    max_seconds: float,
) -> Classification:
    """Label a file outside the library, cut into segments as the library's are.

    Raises:
        VideoError: it cannot be decoded; the message carries the sender's name for it.
        UploadTooLargeError: it lasts longer than `max_seconds`.
        InputError: the labels are fewer than two, or one is given twice.
    """
    try:
        facts = decoder.probe(path).result()
        if facts.duration_seconds > max_seconds:
            raise UploadTooLargeError(
                f"{file_name} lasts {facts.duration_seconds:.0f} s: "
                f"an upload may last {max_seconds:.0f} s"
            )
        labelled = label_video(
            path,
            order.labels,
            encoder,
            decoder,
            window_seconds=settings.window_seconds,
            hop_seconds=settings.hop_seconds,
            templates=order.templates or ACTION_TEMPLATES,
        )
    except VideoError as error:
        raise type(error)(Path(file_name), error.reason) from error
    return _classification(labelled, order, path=file_name, video_id=None)


def _classification(
    labelled: LabelledVideo, order: LabelOrder, *, path: str, video_id: str | None
) -> Classification:
    return Classification(
        model=labelled.model,
        path=path,
        video_id=video_id,
        labels=labelled.labels[: order.top],
        timeline=_best(labelled.segments, order.top) if order.timeline else None,
        note=weakness_of(labelled.model),
    )


def _best(segments: Sequence[LabelledSegment], top: int | None) -> list[LabelledSegment]:
    return [replace(segment, labels=segment.labels[:top]) for segment in segments]
