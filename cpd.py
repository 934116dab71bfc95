"""The command `cpd`: mounts each package's own commands and turns failures into one sentence."""

import sys
from collections.abc import Sequence

import click
import typer

import cpd_model.commands
import index.commands
import service.commands
import training.commands
from cpd_model.errors import CPDError

EXIT_CANNOT_RUN = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="cpd",
    help="Find moments in your own video by describing them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of a failure."),
) -> None:
    """Find moments in your own video by describing them, label actions with your own words."""
    # `main` reads --debug itself, so that it works after the command's name as well.


for package in (index, cpd_model, training, service):
    package.commands.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 done with failures that were listed, 2 cannot run."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        code = app(words, prog_name="cpd", standalone_mode=False)
    except CPDError as error:
        if debug:
            raise
        _fail(str(error))
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_CANNOT_RUN)
    except (KeyboardInterrupt, click.Abort):
        typer.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if debug:
            raise
        _fail(f"unexpected {type(error).__name__}: {error}; run again with --debug to see where")
    sys.exit(code if isinstance(code, int) else 0)


def _fail(sentence: str) -> None:
    typer.echo(f"error: {sentence}", err=True)
    sys.exit(EXIT_CANNOT_RUN)
