"""Another model for a library, from Python."""

from abc import ABC, abstractmethod

from cpd.arguments import AnyModel, encoder_of
from cpd_model.encoder import Encoder
from index.decoding.pool import DecodePool
from index.ingest.events import AddListener
from index.library.library import Library as CatalogLibrary
from index.reembedding.reembed import reembed
from index.reembedding.report import ReembedReport
from index.segments import Windows

__all__ = ["ReembedReport", "ReembeddedLibrary"]


class ReembeddedLibrary(ABC):
    """What embeds the videos of a library again, beside the model that answers."""

    _device: str

    @abstractmethod
    def _opened(self) -> CatalogLibrary: ...

    def reembed(
        self,
        model: AnyModel = None,
        *,
        window_seconds: float | None = None,
        hop_seconds: float | None = None,
        num_workers: int | None = None,
        wait_seconds: float = 0,
        listener: AddListener | None = None,
    ) -> ReembedReport:
        """Embed all stored videos by another model, beside the one that answers.

        It goes on where it was stopped. `models.switch` lets the other model answer.

        Args:
            model: None is the one that answers, for videos that it lacks or for other windows.
            window_seconds: None is that of the model that answers; so is `hop_seconds`.
            num_workers: decoder processes; None is one for each CPU.
            wait_seconds: how long to wait for another long run on the same library.
            listener: told how it goes on.

        Raises:
            LibraryError: another process writes, or the disk is full.
            CPDError: there is no library, or the model cannot be had.
        """
        library = self._opened()
        own = library.settings
        windows = Windows(window_seconds or own.window_seconds, hop_seconds or own.hop_seconds)
        name = own.model if model is None else model
        encoder = name if isinstance(name, Encoder) else encoder_of(name, device=self._device)
        with DecodePool(num_workers=num_workers) as pool:
            return reembed(
                library,
                encoder,
                pool,
                windows=windows,
                wait_seconds=wait_seconds,
                listener=listener,
            )
