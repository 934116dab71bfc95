"""Merges libraries into one: `cpd index merge`.

Each video is taken in by one short transaction of its own (index.catalog.taking_in has the rules),
so a merge that is killed at any moment loses nothing, and the same command goes on from there;
once more over what is merged changes nothing. No video file is touched or looked at.

The result holds what one `cpd index add` of all files would: the same videos under the ids that
they had, the same segments and vectors; the numbers of segments are new ones.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cpd_model.errors import InputError
from index.catalog.records import LibrarySettings
from index.catalog.whole_videos import meaning_of
from index.errors import IndexMismatchError, LibraryNotFoundError
from index.exchange.intake import (
    Intake,
    IntakeListener,
    IntakeReport,
    SilentIntakeListener,
    publish_others,
)
from index.library.library import Library
from index.library.model_building import require_answering
from index.library.writer import LibraryWriter


def merge_libraries(
    into: Path | str,
    sources: Sequence[Path | str],
    *,
    wait_seconds: float = 0,
    listener: IntakeListener | None = None,
) -> IntakeReport:
    """Merge libraries into one, which is made where there is none; they stay as they are.

    Args:
        wait_seconds: how long to wait for another run on the library that is merged into.
        listener: told how many videos there are, and after each how many are done.

    Raises:
        InputError: no library is named to merge, or one into itself.
        IndexMismatchError: one of them has no vectors of the model, window and hop that answer in
            the library that they are merged into; nothing is merged then.
        LibraryError: one cannot be read, or the other not be written to.
    """
    if not sources:
        raise InputError("no library was named to merge: name at least one after the first")
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(Library.open(source)) for source in sources]
        target = _open_if_there(stack, into)
        settings = opened[0].settings if target is None else target.settings
        for library in opened:
            _require_fitting(library, into, settings)
        if target is None:
            new = replace(settings, model_number=1)
            target = stack.enter_context(Library.create(into, new))
        intake = Intake(target, listener or SilentIntakeListener())
        with target.lease(wait_seconds=wait_seconds) as writer:
            require_answering(target.catalog, target.settings)
            for library in opened:
                _merge_one(intake, writer, library)
            intake.finish(writer)
        publish_others(target, wait_seconds=wait_seconds)
        return intake.report()


def _merge_one(intake: Intake, writer: LibraryWriter, library: Library) -> None:
    here, there = intake.models, library.ready_models()
    intake.leave([settings for meaning, settings in there.items() if meaning not in here])
    shared = [settings for meaning, settings in there.items() if meaning in here]
    with library.whole_videos(models=shared) as whole:
        intake.expect(whole.num_videos)
        writer.take_in_names(roots=whole.roots, collections=whole.collections)
        for video in whole.videos:
            intake.take(writer, video)


def _open_if_there(stack: contextlib.ExitStack, into: Path | str) -> Library | None:
    try:
        return stack.enter_context(Library.open(into))
    except LibraryNotFoundError:
        return None


def _require_fitting(library: Library, into: Path | str, asked: LibrarySettings) -> None:
    """Refuse a library that has no vectors of the model that answers."""
    if library.folder == Path(into).expanduser().resolve():
        raise InputError(f"{library.folder} cannot be merged into itself: name another library")
    if meaning_of(asked) not in library.ready_models():
        raise IndexMismatchError(
            f"the library in {library.folder} was made by {library.settings.told()}, the one that "
            f"is merged into by {asked.told()}: their vectors cannot be compared; index the videos "
            f"of one with the other's model, window and hop, and merge then"
        )
