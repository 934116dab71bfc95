"""The models of a library side by side: `library.models`.

One of them answers. Others are built beside it (`index.reembedding`), and a switch lets another one
answer whoever opens the library from then on; who has it open goes on with the model it opened it
with. A switch and a drop hold the lease, so that no long run writes vectors of the model before.
"""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from sqlalchemy import Connection

from cpd_model.errors import InputError
from index.catalog.connection import Catalog
from index.catalog.models import (
    count_only_with,
    drop_model,
    list_models,
    switch_to,
)
from index.catalog.records import ModelStatus
from index.errors import ModelIncompleteError, UnknownModelError
from index.library.lock import lease
from index.vectors.leftovers import remove_part
from index.vectors.part_files import PARTS_NAME


class Models:
    """The models of an open library."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._folder = folder
        self._catalog = catalog

    def list(self) -> Sequence[ModelStatus]:
        """All models in the order of their coming, each with what it has vectors of."""
        with self._catalog.read_transaction() as connection:
            return list_models(connection)

    def get(self, model: str | int) -> ModelStatus:
        """The model of this number, or the one of this name.

        Raises:
            UnknownModelError: there is none.
            InputError: there are several of that name, with other windows.
        """
        with self._catalog.read_transaction() as connection:
            return self._named(connection, model)

    def switch(
        self,
        model: str | int | None = None,
        *,
        anyway: bool = False,
        dry_run: bool = False,
        wait_seconds: float = 0,
    ) -> ModelStatus:
        """Let another model answer whoever opens the library from now on; the model.

        Args:
            model: its name or number; None goes back to the one that answered before.
            anyway: also to one that is still being built, or lacks vectors of some videos: these
                are not found then.
            dry_run: change nothing, only tell which one it would be.
            wait_seconds: how long to wait for an add, or another long run, to end.

        Raises:
            UnknownModelError: there is no such model, or none answered before.
            ModelIncompleteError: it lacks vectors of some videos.
            LibraryBusyError: another run has the lease.
        """
        if dry_run:
            with self._catalog.read_transaction() as connection:
                return self._to_switch_to(connection, model, anyway=anyway)
        with (
            lease(self._folder, wait_seconds=wait_seconds),
            self._catalog.write_transaction() as transaction,
        ):
            chosen = self._to_switch_to(transaction.connection, model, anyway=anyway)
            switch_to(transaction.connection, chosen.number)
        return self.get(chosen.number)

    def drop(
        self, model: str | int, *, dry_run: bool = False, wait_seconds: float = 0
    ) -> ModelStatus:
        """Take a model away with its vectors and parts; what it was.

        Args:
            model: its name or number; never the one that answers.
            dry_run: change nothing, only tell which one it would be.
            wait_seconds: how long to wait for an add, or another long run, to end.

        Raises:
            UnknownModelError: there is no such model.
            InputError: it is the one that answers.
            ModelIncompleteError: some videos have vectors of this model alone.
            LibraryBusyError: another run has the lease.
        """
        if dry_run:
            with self._catalog.read_transaction() as connection:
                return self._to_drop(connection, model)
        with lease(self._folder, wait_seconds=wait_seconds):
            with self._catalog.write_transaction() as transaction:
                dropped = self._to_drop(transaction.connection, model)
                names = drop_model(transaction.connection, dropped.number)
            for name in names:
                remove_part(self._folder / PARTS_NAME, name)
        return dropped

    def _named(self, connection: Connection, model: str | int) -> ModelStatus:
        listed = list_models(connection)
        text = str(model)
        found = [each for each in listed if text == str(each.number)]
        found = found or [each for each in listed if each.name in (text, _absolute(text))]
        if not found:
            there = ", ".join(f"{each.number} ({each.name})" for each in listed)
            raise UnknownModelError(
                f"the library in {self._folder} has no vectors of a model {text!r}, only of "
                f"{there}: {reembed_command(text, self._folder)} makes them"
            )
        if len(found) > 1:
            numbers = ", ".join(
                f"{each.number} ({each.window_seconds:g} s every {each.hop_seconds:g} s)"
                for each in found
            )
            raise InputError(
                f"the library in {self._folder} has {len(found)} models of the name {text!r}: "
                f"say by its number which one, of {numbers}"
            )
        return found[0]

    def _to_switch_to(
        self, connection: Connection, model: str | int | None, *, anyway: bool
    ) -> ModelStatus:
        if model is None:
            before = [each for each in list_models(connection) if each.answered_before]
            if not before:
                raise UnknownModelError(
                    f"no model answered in the library in {self._folder} before the one that does "
                    f"now: name the model to switch to, `cpd index model list` lists them"
                )
            chosen = before[0]
        else:
            chosen = self._named(connection, model)
        if not anyway and not chosen.answers and (chosen.lacking or chosen.state == "building"):
            raise ModelIncompleteError(_why_not(chosen, self._folder))
        return chosen

    def _to_drop(self, connection: Connection, model: str | int) -> ModelStatus:
        chosen = self._named(connection, model)
        if chosen.answers:
            raise InputError(
                f"model {chosen.number} ({chosen.name}) is the one that answers in the library in "
                f"{self._folder}: switch to another one first, with `cpd index switch`"
            )
        if alone := count_only_with(connection, chosen.number):
            live = next(each for each in list_models(connection) if each.answers)
            raise ModelIncompleteError(
                f"{_videos(alone)} of the library in {self._folder} have vectors of model "
                f"{chosen.number} ({chosen.name}) alone: {_command(live, self._folder)} embeds "
                f"them by the one that answers, then it can be dropped"
            )
        return chosen


def reembed_command(model: str, folder: Path, *options: str) -> str:
    """What to type so that a library gets the vectors of a model."""
    words = ("--model", quote(model), *options, "--library", quote(str(folder)))
    return f"`cpd index reembed {' '.join(words)}`"


def lack_of(model: ModelStatus, folder: Path) -> str | None:
    """What an operator should know of the model that answers; None where it has all videos."""
    if not model.answers or not model.lacking:
        return None
    return (
        f"no vectors of {model.name} are there for {_videos(model.lacking)}, "
        f"which no search finds: {_command(model, folder)} makes them"
    )


def _command(model: ModelStatus, folder: Path) -> str:
    windows = (f"--window {model.window_seconds:g}", f"--hop {model.hop_seconds:g}")
    return reembed_command(model.name, folder, *windows)


def _why_not(model: ModelStatus, folder: Path) -> str:
    total = model.videos + model.lacking
    what = f"model {model.number} ({model.name}) of the library in {folder}"
    if model.lacking:
        lacks = f"has no vectors of {model.lacking} of {_videos(total)}"
    else:
        lacks = "is still being built"
    return (
        f"{what} {lacks}: {_command(model, folder)} goes on with it, "
        f"or switch with --anyway, and those videos are not found"
    )


def _videos(count: int) -> str:
    return f"{count} video{'' if count == 1 else 's'}"


def _absolute(name: str) -> str:
    """As a model that is a folder is named in the catalog."""
    return str(Path(name).expanduser().resolve())
