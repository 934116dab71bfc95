"""A model that is built beside the one that answers, as runs that hold the lease see it.

`index.reembedding` begins one, asks which videos it lacks, and ends it; `library.models` is what
anybody may ask and change.
"""

from collections.abc import Sequence
from dataclasses import replace

from index.catalog.connection import Catalog
from index.catalog.models import (
    LackingVideo,
    begin_model,
    finish_model,
    lacking_videos,
    list_models,
)
from index.catalog.records import LibrarySettings
from index.errors import IndexMismatchError


def begin_building(catalog: Catalog, settings: LibrarySettings) -> LibrarySettings:
    """List a model that is to be built, unless it is there; its settings with its number.

    The caller holds the lease, and gives it vectors by `LibraryWriter.put_vectors`.
    """
    with catalog.maintenance_transaction() as connection:
        return replace(settings, model_number=begin_model(connection, settings))


def videos_lacking(catalog: Catalog, model: LibrarySettings) -> Sequence[LackingVideo]:
    """The videos that a model has no vectors of, first seen first."""
    with catalog.read_transaction() as connection:
        return lacking_videos(connection, model.model_number)


def finish_building(catalog: Catalog, model: LibrarySettings) -> None:
    """Note that a run has gone through all videos for a model: it may answer."""
    with catalog.maintenance_transaction() as connection:
        finish_model(connection, model.model_number)


def require_answering(catalog: Catalog, settings: LibrarySettings) -> None:
    """Refuse to go on with a model that answered when the library was opened, and no more.

    What a run wrote of it would be found by nobody. The caller holds the lease.

    Raises:
        IndexMismatchError: another model answers by now.
    """
    with catalog.read_transaction() as connection:
        answering = next(each for each in list_models(connection) if each.answers)
    if answering.number != settings.model_number:
        raise IndexMismatchError(
            f"model {answering.number} ({answering.name}) answers in the library in "
            f"{catalog.path.parent} by now, no more {settings.model} as when it was opened: run "
            f"again to go on with the one that answers"
        )
