import typer


def register(app: typer.Typer) -> None:
    """Mount this package's commands."""
