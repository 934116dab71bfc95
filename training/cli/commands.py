"""What `training` adds to the command `cpd`: train, evaluate, dataset."""

import typer

from training.cli.dataset import dataset_app
from training.cli.evaluate import evaluate_app
from training.cli.train import train_command


def register(app: typer.Typer) -> None:
    """Mount this package's commands."""
    app.command("train", no_args_is_help=True)(train_command)
    app.add_typer(evaluate_app)
    app.add_typer(dataset_app)
