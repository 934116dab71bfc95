"""The command `cpd`: mounts each package's own commands and turns failures into one sentence."""

import importlib.metadata
import json
import os
import sys
from collections.abc import Sequence

import typer

import cpd_model.commands
import index.cli.commands
import service.commands
import training.cli.commands
from cpd_model.errors import CPDError
from cpd_model.exit_status import CANNOT_RUN, INTERRUPTED, NOT_ALL_WELL

USAGE = "usage"
"""The code of what was typed wrongly; those of all other failures stand with their classes."""

UNEXPECTED = "unexpected"
"""The code of what nobody foresaw."""

app = typer.Typer(
    name="cpd",
    help="Find moments in your own video by describing them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def show_version(wanted: bool) -> None:
    """Print the version and end, when asked for."""
    if wanted:
        typer.echo(importlib.metadata.version("cpd"))
        raise typer.Exit


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of a failure."),
    version: bool = typer.Option(
        False, "--version", callback=show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Find moments in your own video by describing them, label actions with your own words."""
    # `main` reads --debug itself, so that it works after the command's name as well.


for commands in (index.cli.commands, cpd_model.commands, training.cli.commands, service.commands):
    commands.register(app)


def main(arguments: Sequence[str] | None = None, *, commands: typer.Typer = app) -> None:
    """Run one command and exit.

    With 0 where all went well, else as cpd_model.exit_status has it.
    """
    # PyTorch's threads wait by spinning unless they are told not to before they start. While
    # decoders want the same cores that costs much of the speed (docs/decisions/0004).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug, as_json = "--debug" in words, "--json" in words
    words = [_with_home(word) for word in words if word != "--debug"]
    try:
        code = commands(words, prog_name="cpd", standalone_mode=False)
        sys.stdout.flush()
    except CPDError as error:
        if debug:
            raise
        _fail(str(error), code=error.code, as_json=as_json)
    except typer.TyperException as error:
        _fail_usage(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has enough, as in `cpd search ... | head -1`; the interpreter's
        # last flush must not complain about that.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(NOT_ALL_WELL)
    except Exception as error:
        if debug:
            raise
        sentence = (
            f"unexpected {type(error).__name__}: {error}; run again with --debug to see where"
        )
        _fail(sentence, code=UNEXPECTED, as_json=as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _with_home(word: str) -> str:
    """`--out=~/runs` with the home folder in it: a shell puts it into `--out ~/runs` alone."""
    option, _, value = word.partition("=")
    if option.startswith("--") and value.startswith("~"):
        return f"{option}={os.path.expanduser(value)}"
    return word


def _fail_usage(error: typer.TyperException, *, as_json: bool) -> None:
    """Say what was typed wrongly; an empty message means that the help was already printed."""
    if message := error.format_message().strip():
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "cpd"
        sentence = f"{message.rstrip('.')}; '{command} --help' tells what there is"
        _fail(sentence, code=USAGE, as_json=as_json)
    sys.exit(CANNOT_RUN)


def _fail(sentence: str, *, code: str, as_json: bool) -> None:
    typer.echo(f"error: {sentence}", err=True)
    if as_json:
        typer.echo(json.dumps({"error": {"code": code, "message": sentence}}, indent=2))
    sys.exit(CANNOT_RUN)
