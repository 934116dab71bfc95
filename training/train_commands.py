"""`cpd train RECIPE`: video/text pairs -> a model bundle."""

import typer

train_app = typer.Typer(
    name="train",
    help="Train a model on your own videos and captions.",
    no_args_is_help=True,
)
