"""Options that several commands of this package have, and how each of them prints JSON."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

LibraryFolder = Annotated[
    Path,
    typer.Option("--library", envvar="CPD_LIBRARY", help="Folder of the library."),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda: where the model runs.")]
Model = Annotated[
    str | None,
    typer.Option("--model", help="A model's name, a folder, or org/name of a hub."),
]
Window = Annotated[
    float | None, typer.Option("--window", help="Seconds that one segment covers (4).")
]
Hop = Annotated[
    float | None, typer.Option("--hop", help="Seconds from segment to segment (half the window).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else.")]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="FILTER",
        help='Which videos, such as "folder:holiday and duration<2m" (docs/filters.md).',
    ),
]
Collections = Annotated[
    list[str] | None,
    typer.Option("--collection", metavar="NAME", help="Only of this collection; may be repeated."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Change nothing, tell what would be changed.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Decoder processes (one per core).")
]
Wait = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait for an add, or the like, to end.")
]
KindOfIndex = Literal["auto", "exact", "ivf"]
"""The words of index.vectors.kinds, which imports FAISS."""

IndexKindOption = Annotated[
    KindOfIndex,
    typer.Option(
        "--index-kind",
        help="exact looks at each segment, ivf at the likeliest; auto takes what suits the size.",
    ),
]


def print_json(content: dict[str, Any]) -> None:
    """Print one object on stdout."""
    # ASCII: a path that is no UTF-8 must not break the output of all the others.
    typer.echo(json.dumps(content, indent=2))
