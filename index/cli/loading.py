"""Models for commands: a person is told when one has to be made or fetched first."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cpd_model.encoder import Encoder, TextEncoder


def load_encoder_told(model: str | None, device: str) -> "Encoder":
    """Load a model."""
    from cpd_model.loading import load_encoder

    return load_encoder(model, device=device, on_message=say)


def load_text_encoder_told(model: str | None, device: str) -> "TextEncoder":
    """The same of what a text needs alone."""
    from cpd_model.loading import load_text_encoder

    return load_text_encoder(model, device=device, on_message=say)


def say(line: str) -> None:
    typer.echo(line, err=True)
