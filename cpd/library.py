"""`cpd.open`: a library together with the model that it needs.

    with cpd.open("my-library") as library:
        library.add("~/Videos")
        hits = library.search("a dog catching a frisbee", limit=3)

It puts together what `index` and `cpd_model` have. Opening costs nothing: the catalog is opened by
the first question, the model by the first one that needs it.

Axes: D dimensions of the shared space.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import NoReturn, Self

from cpd.arguments import AnyModel, AnyPath, checked_model, encoder_of, expanded, paths_of, texts_of
from cpd.contents import (
    CollectionRow,
    Collections,
    FailedVideo,
    LibraryContents,
    LibraryStatus,
    Metadata,
    Models,
    ModelStatus,
    PruneReport,
    RemovalReport,
    RemovedVideo,
    RestoreReport,
    RootChange,
    RootRow,
    Roots,
    SetReport,
    Snapshot,
    Snapshots,
    VideoMetadata,
    VideoRow,
    VideoText,
)
from cpd.reembedding import ReembeddedLibrary, ReembedReport
from cpd.searching import AskedLibrary
from cpd_model.encoder import Encoder
from cpd_model.errors import CPDError, InputError
from index.decoding.pool import DecodePool
from index.errors import IndexMismatchError, LibraryNotFoundError, UnknownVideoError
from index.filters.filter import Filter, parse_filter
from index.ingest.events import AddListener
from index.ingest.files import expand_patterns
from index.label import LabelledVideo, check_labels, check_video, label_stored, label_video
from index.library.add import add_videos
from index.library.add_report import AddFailure, AddReport
from index.library.library import Library as CatalogLibrary
from index.library.opening import GrowingLibrary, open_for_adding
from index.search.moments import Hit, Hits

__all__ = [
    "AddFailure",
    "AddListener",
    "AddReport",
    "CollectionRow",
    "Collections",
    "FailedVideo",
    "Filter",
    "Hit",
    "Hits",
    "LabelledVideo",
    "Library",
    "LibraryStatus",
    "Metadata",
    "ModelStatus",
    "Models",
    "PruneReport",
    "ReembedReport",
    "RemovalReport",
    "RemovedVideo",
    "RestoreReport",
    "RootChange",
    "RootRow",
    "Roots",
    "SetReport",
    "Snapshot",
    "Snapshots",
    "VideoMetadata",
    "VideoRow",
    "VideoText",
    "open",
    "parse_filter",
]


def open(
    folder: AnyPath,
    *,
    model: AnyModel = None,
    window_seconds: float | None = None,
    hop_seconds: float | None = None,
    device: str = "auto",
) -> "Library":
    """The library in a folder; where there is none yet, the first `add` makes it.

    Args:
        model: None is the library's own, or the default model for a new one. Another model than
            the library's own is refused, an encoder at once, a name when the model is first needed.
        window_seconds: of a new library; None is 4. An old one keeps what it was made with.
        hop_seconds: of a new library; None is half the window.
        device: `auto`, `cpu` or `cuda`: where the model and FAISS run.

    Raises:
        IndexMismatchError: the encoder is not the one that made the library.
        InputError: the path is empty or that of a file.
        TypeError: the folder is no path.
    """
    return Library(
        folder, model=model, window_seconds=window_seconds, hop_seconds=hop_seconds, device=device
    )


class Library(LibraryContents, AskedLibrary, ReembeddedLibrary):
    """Videos that can be searched and labelled; a context manager. `cpd.open` makes one.

    `len` counts its videos, going through it gives a VideoRow for each. Every question but `add`
    raises LibraryNotFoundError while there is no library in the folder.
    """

    def __init__(
        self,
        folder: AnyPath,
        *,
        model: AnyModel = None,
        window_seconds: float | None = None,
        hop_seconds: float | None = None,
        device: str = "auto",
    ) -> None:
        self.folder = expanded(folder, what="folder").resolve()
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file: a library is a folder, name that")
        self._model = checked_model(model)
        self._window_seconds = window_seconds
        self._hop_seconds = hop_seconds
        self._device = device
        self._lock = threading.RLock()
        self._library: CatalogLibrary | None = None
        self._encoder: Encoder | None = None
        self._closed = False
        if isinstance(model, Encoder):
            self._refuse_another(model)

    @property
    def encoder(self) -> Encoder:
        """The library's model; loaded when it is first asked for.

        Raises:
            IndexMismatchError: the model that was named is not the one that made the library.
            CPDError: there is no library, or the model cannot be had.
        """
        with self._lock:
            library = self._opened()
            if self._encoder is None:
                encoder = self._load(self._named() or library.settings.model, self._device)
                library.require(fingerprint=encoder.fingerprint, model=encoder.name)
                self._encoder = encoder
            return self._encoder

    def add(
        self,
        paths: AnyPath | Iterable[AnyPath],
        *,
        num_workers: int | None = None,
        wait_seconds: float = 0,
        collections: Iterable[str] = (),
        prune: bool = False,
        listener: AddListener | None = None,
    ) -> AddReport:
        """Index files, folders (with all below them) and patterns; make the library if need be.

        What is unchanged is skipped, so it may be called at any time. One bad file never stops the
        run: `failures` of the report names each with its reason.

        Args:
            num_workers: decoder processes; None is one for each CPU.
            wait_seconds: how long to wait for another add to the same library.
            collections: names of those that all these videos are put into, made if need be.
            prune: forget videos below the paths whose files are gone.
            listener: told how it goes on.

        Raises:
            InputError: a path does not exist, or a root is gone of which videos were to be pruned.
            IndexMismatchError: the library was made with another model, window or hop.
            LibraryError: another process writes, or the disk is full.
        """
        named = paths_of(paths, what="paths")
        into = texts_of(collections, what="collections")
        list(expand_patterns(named))  # a slip of the pen should not wait for the model
        library, load_encoder = self._opened_for_adding()
        with library, DecodePool(num_workers=num_workers) as pool:
            return add_videos(
                named,
                library,
                load_encoder,
                pool,
                wait_seconds=wait_seconds,
                collections=into,
                prune=prune,
                listener=listener,
            )

    def label(self, video: AnyPath | VideoRow, labels: Iterable[str]) -> LabelledVideo:
        """How probable each label is, for the whole video and for each of its segments.

        Args:
            video: one of this library, whose vectors are there already, or any file, which is read.
            labels: at least two; they are weighed against each other and sum to 1.

        Raises:
            InputError: fewer than two different labels, or no such file.
            VideoError: the file cannot be read.
            CPDError: there is no library, or its model cannot be had.
            TypeError: the labels are one text.
        """
        names = texts_of(labels, what="labels")
        check_labels(names)
        library = self._opened()
        if isinstance(video, VideoRow):
            for _, labelled in label_stored(library, [video], names, self.encoder):
                return labelled
            raise UnknownVideoError(f"no video {video.video_id} in this library")
        path = expanded(video, what="video")
        check_video(path)
        encoder, settings = self.encoder, library.settings
        with DecodePool() as pool:
            return label_video(
                path,
                names,
                encoder,
                pool,
                window_seconds=settings.window_seconds,
                hop_seconds=settings.hop_seconds,
            )

    def label_videos(
        self, labels: Iterable[str], *, where: Filter | str | None = None
    ) -> Iterator[LabelledVideo]:
        """Label the videos that a filter means, such as `collection:walks`, or all.

        Their vectors are there: nothing is decoded.

        Raises:
            InputError: fewer than two different labels, or the filter cannot be used.
            CPDError: there is no library, or its model cannot be had.
            TypeError: the labels are one text.
        """
        names = texts_of(labels, what="labels")
        check_labels(names)
        videos = self.videos(where)
        labelled = label_stored(self._opened(), videos, names, self.encoder)
        return (one for _, one in labelled)

    def __bool__(self) -> bool:
        """Always true: `if library` asks whether there is one, `len` how much is in it."""
        return True

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a library is not copied or sent to another process, for it holds an open catalog "
            f"and a model: call cpd.open({str(self.folder)!r}) there"
        )

    def __repr__(self) -> str:
        return f"Library({str(self.folder)!r}: {self._holds()})"

    def close(self) -> None:
        """Close the catalog, and give back the memory of the vectors and of the model."""
        with self._lock:
            self._closed = True
            self._encoder = None
            if self._library is not None:
                self._library.close()
                self._library = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self) -> CatalogLibrary:
        with self._lock:
            self._refuse_closed()
            if self._library is None:
                try:
                    self._library = CatalogLibrary.open(self.folder, device=self._device)
                except LibraryNotFoundError as error:
                    raise LibraryNotFoundError(
                        f"there is no library in {self.folder}: add(PATHS) makes one, "
                        "or check how the folder is written"
                    ) from error
            return self._library

    def _opened_for_adding(self) -> GrowingLibrary:
        """A second opening of the same library, for the caller to close, and its model's loader."""
        with self._lock:
            self._refuse_closed()
            opened = open_for_adding(
                self.folder,
                model=self._named(),
                window_seconds=self._window_seconds,
                hop_seconds=self._hop_seconds,
                device=self._device,
                load=self._load,
            )
            self._refuse_switched(opened.library)
        return opened._replace(load_encoder=lambda: self._kept(opened.load_encoder))

    def _refuse_switched(self, now: CatalogLibrary) -> None:
        """Refuse to add by another model than this library answers by."""
        if self._library is None or self._library.settings == now.settings:
            return
        now.close()
        raise IndexMismatchError(
            f"the library in {self.folder} was switched to {now.settings.model} since it was "
            f"opened here with {self._library.settings.model}: close it and open it again"
        )

    def _kept(self, load_encoder: Callable[[], Encoder]) -> Encoder:
        """The model that an add loads, for the questions that follow it."""
        with self._lock:
            self._encoder = load_encoder()
            return self._encoder

    def _named(self) -> str | None:
        """The model that was asked for by its name."""
        if self._model is None or isinstance(self._model, Encoder):
            return None
        return os.fspath(self._model)

    def _load(self, model: str | None, device: str) -> Encoder:
        if self._encoder is not None:
            return self._encoder
        return self._model if isinstance(self._model, Encoder) else encoder_of(model, device=device)

    def _refuse_another(self, encoder: Encoder) -> None:
        try:
            self._opened().require(fingerprint=encoder.fingerprint, model=encoder.name)
        except LibraryNotFoundError:
            pass  # the first `add` makes it, with this model
        except BaseException:
            self.close()
            raise

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ValueError(f"the library in {self.folder} was closed: open it again")

    def _holds(self) -> str:
        if self._closed:
            return "closed"
        try:
            library = self._opened()
            counts = library.count()
        except LibraryNotFoundError:
            return "nothing yet, add() makes it"
        except CPDError as error:
            return str(error)
        return (
            f"{counts.videos} videos, {counts.segments} segments, {counts.hours:.1f} h, "
            f"model {library.settings.model}"
        )
