"""Which videos a person names behind a command, and the question before many of them go."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from cpd_model.errors import InputError

if TYPE_CHECKING:
    from index.library.selection import Videos

MOST_UNASKED = 10
"""So many videos are removed without a question; whoever names more means to, or slipped."""


def chosen_videos(named: Sequence[str], where: str | None) -> "Videos":
    """The paths and ids that were named, or the filter that was given.

    Raises:
        InputError: neither or both are given.
        FilterError: the text is no filter.
    """
    from index.filters.filter import parse_filter

    if (where is None) == (not named):
        raise InputError("name videos by PATH or ID, or give --where FILTER: one of the two")
    return list(named) if where is None else parse_filter(where)


def confirm_removal(count: int, *, yes: bool) -> None:
    """Ask before many videos are removed.

    Raises:
        InputError: nobody is there to be asked.
        typer.Abort: the answer was no.
    """
    if yes or count <= MOST_UNASKED:
        return
    if not sys.stdin.isatty():
        raise InputError(
            f"{count} videos would be removed, and nobody can be asked here: look at them with "
            f"--dry-run, and say --yes where more than {MOST_UNASKED} are meant"
        )
    typer.confirm(
        f"Remove {count} videos from the library? Their files stay.", abort=True, err=True
    )
