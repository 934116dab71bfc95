"""`cpd dataset ...`: lists of pairs from the layouts that data sets come in, and packing them."""

import typer

dataset_app = typer.Typer(
    name="dataset",
    help="Make lists of videos and captions from the layouts that data sets come in.",
    no_args_is_help=True,
)
