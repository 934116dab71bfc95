"""`cpd model ...`: which models there are, what they are, whether they are whole."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cpd_model.exit_status import NOT_ALL_WELL

if TYPE_CHECKING:
    from rich.table import Table

    from cpd_model.describe import ModelDescription

ModelArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODEL]",
        help="cpd-base, cpd-start, the folder of a model, or a hub name such as "
        "openai/clip-vit-base-patch32. Left out: the default model.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]


def register(app: typer.Typer) -> None:
    """Mount `cpd model`."""
    models = typer.Typer(
        name="model", help="See, make and check the models that embed.", no_args_is_help=True
    )
    models.command("list")(list_command)
    models.command("show")(show_command)
    models.command("make-start")(make_start_command)
    models.command("verify")(verify_command)
    models.command("convert")(convert_command)
    app.add_typer(models)


def list_command(as_json: JsonOption = False) -> None:
    """Name the models that are here: the built-in one, and those fetched from a hub before."""
    from rich.markup import escape

    from cpd_model.loading import list_models

    models = list_models()
    if as_json:
        _print_json(
            {
                "models": [
                    {
                        "name": model.name,
                        "kind": model.kind,
                        "folder": str(model.folder),
                        "ready": model.ready,
                        "default": model.default,
                    }
                    for model in models
                ]
            }
        )
        return
    table = _table("model", "kind", "state", "folder")
    for model in models:
        state = "ready" if model.ready else "made on first use"
        name = f"{model.name} (default)" if model.default else model.name
        table.add_row(*map(escape, (name, model.kind, state, str(model.folder))))
    _print(table)
    _print("Any folder of a model can be given by its path, and org/name where a hub is in reach.")


def show_command(model: ModelArgument = None, as_json: JsonOption = False) -> None:
    """Tell what a model is: towers, clips, size, fingerprint, terms, and what to expect of it."""
    from cpd_model.built_in.defaults import DEFAULT_MODEL
    from cpd_model.describe import describe_model
    from cpd_model.loading import find_model

    name = model or DEFAULT_MODEL
    description = describe_model(find_model(name, on_message=_tell()), name=name)
    if as_json:
        _print_json(description.as_json())
        return
    _print(_facts_table(description))
    for note in description.notes:
        _print(f"Note: {note}")


def make_start_command(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where to. Left out: the cache, where it is looked for."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make cpd-start now, from weights that are installed already; no network is needed."""
    from cpd_model.built_in.models import ensure_built_in
    from cpd_model.built_in.start import START_NAME, make_start
    from cpd_model.bundles.bundle import recorded_fingerprint

    started = time.perf_counter()
    if folder is None:
        made = ensure_built_in(START_NAME, on_message=_tell())
    else:
        make_start(folder)
        made = folder
    seconds = time.perf_counter() - started
    if as_json:
        fingerprint = recorded_fingerprint(made)
        _print_json({"folder": str(made), "fingerprint": fingerprint, "seconds": round(seconds, 3)})
        return
    _print(f"cpd-start stands in {made} ({seconds:.1f} s)")


def verify_command(model: ModelArgument = None, as_json: JsonOption = False) -> None:
    """Read all of a model and say whether it is whole; exit 1 where it is not."""
    from cpd_model.built_in.defaults import DEFAULT_MODEL
    from cpd_model.loading import find_model, verify_model

    name = model or DEFAULT_MODEL
    folder = find_model(name, on_message=_tell())
    problems = verify_model(folder, name=name)
    if as_json:
        _print_json(
            {"model": name, "folder": str(folder), "whole": not problems, "problems": problems}
        )
    else:
        for problem in problems:
            _print(f"{name}: {problem}")
        if not problems:
            _print(f"{name} is whole: {folder}")
    if problems:
        raise typer.Exit(NOT_ALL_WELL)


def convert_command(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="AUTHORS.pth", help="What the authors' code saved.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")],
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="Folder or hub name. Left out: distilbert-base-uncased from the hub's cache, or "
            "the same vocabulary from an installed package.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a model of the checkpoint that CPD's authors published, or that their code wrote."""
    from dataclasses import asdict

    from cpd_model.authors.convert import convert_authors

    made = convert_authors(checkpoint, out, tokenizer=tokenizer, on_message=_tell())
    if as_json:
        _print_json(asdict(made) | {"folder": str(made.folder)})
        return
    pairs = "" if made.num_pairs is None else f", trained on {made.num_pairs:,} pairs"
    _print(
        f"{made.folder} holds a ResNet3D-{made.depth} (shortcut {made.shortcut}) and a DistilBERT "
        f"in {made.embed_dim} dimensions{pairs}; tokenizer: {made.tokenizer}"
    )


def _facts_table(description: "ModelDescription") -> "Table":
    from rich.markup import escape

    spec = description.clip_spec
    reach = f"over {spec.span_seconds} s" if spec.span_seconds else "spread over the window"
    how = (
        f"short side to {spec.short_side}, centre cut out"
        if spec.resize == "crop"
        else "squashed to a square"
    )
    rows = {
        "model": description.name,
        "kind": description.kind,
        "folder": str(description.folder),
        "fingerprint": description.fingerprint,
        "video tower": description.video_tower,
        "text tower": description.text_tower,
        "dimensions": str(description.embed_dim),
        "temperature": f"{description.temperature:.4g}",
        "clip": f"{spec.num_frames} frames, {reach}",
        "frame": f"{spec.frame_size} x {spec.frame_size} pixels, {how}",
        "parameters": f"{description.num_parameters:,}",
        "size": f"{description.size_bytes:,} bytes",
        "terms": "\n".join(description.terms),
    }
    table = _table("fact", "value")
    for fact, value in rows.items():
        table.add_row(fact, escape(value))
    return table


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(what: "Table | str") -> None:
    from rich.console import Console

    # Folders may hold brackets, which are no markup, and numbers, which need no colour.
    Console().print(what, markup=False, highlight=False, soft_wrap=True)


def _print_json(what: object) -> None:
    typer.echo(json.dumps(what, indent=2))


def _tell() -> Callable[[str], None]:
    """Where progress for a person goes: stderr, so that stdout stays the answer's."""
    return lambda message: typer.echo(message, err=True)
