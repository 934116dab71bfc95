"""`cpd serve`: the only place where settings, library, model, decoders and server come together.

Everything heavy is imported inside the command, so that `cpd --help` answers at once.
"""

import signal
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from cpd_model.errors import CPDError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import uvicorn
    from fastapi import FastAPI
    from pydantic import ValidationError

    from index.library.library import Library
    from service.media.file_cache import FileCache
    from service.runtime.engine import ServiceDecoder
    from service.settings import Settings

GRACE_SECONDS = 3
"""What answers get to finish after Ctrl-C."""


def register(app: typer.Typer) -> None:
    """Mount this package's commands."""
    app.command("serve")(serve)


def serve(
    library: Annotated[
        Path | None,
        typer.Option("--library", help="Folder of the library (or CPD_LIBRARY).", metavar="DIR"),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Port to listen on (8000); 0 takes a free one.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Model to search with (the one that indexed the library)."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu or cuda: where the model runs (auto).")
    ] = None,
) -> None:
    """Serve a library over REST and on a web page, until Ctrl-C.

    Whoever reaches the address may search and watch: there is no password. docs/settings.md lists
    what else can be set in the environment.
    """
    settings = _read_settings(library=library, host=host, port=port, model=model, device=device)
    from index.decoding.pool import DecodePool
    from index.library.library import Library
    from service.logs import configure_logging
    from service.media.store import open_cache

    with (
        Library.open(settings.library, device=settings.device) as opened,
        _listening(settings.host, settings.port) as listener,
        DecodePool(
            num_workers=settings.num_decoders, timeout_seconds=settings.decode_timeout_seconds
        ) as decoder,
        open_cache(settings) as cache,
        _ended_by_sigterm(),
    ):
        configure_logging(settings)
        typer.echo(f"{_url_of(listener)} serves {opened.folder}; Ctrl-C ends it")
        _run(opened, decoder, cache, settings, listener)
    typer.echo("stopped")


def _run(
    library: "Library",
    decoder: "ServiceDecoder",
    cache: "FileCache",
    settings: "Settings",
    listener: socket.socket,
) -> None:
    """Answer until somebody ends it, or until it is clear that the model cannot be had."""
    from cpd_model.loading import load_encoder
    from service.http.app import create_app
    from service.runtime.engine import CPDEngine

    failures: list[Exception] = []

    def stop(error: Exception) -> None:
        failures.append(error)
        server.should_exit = True

    def open_engine() -> CPDEngine:
        return CPDEngine(
            library,
            decoder,
            cache,
            settings,
            load=lambda model, device: load_encoder(model, device=device),
            on_failure=stop,
        )

    server = _server_of(create_app(open_engine, settings))
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after it has ended in good order
        server.run(sockets=[listener])
    if failures:
        raise failures[0]
    if not server.started:
        raise CPDError("the service could not be started; its log says why")


def _server_of(app: "FastAPI") -> "uvicorn.Server":
    """A server that leaves logging to us and does not wait long for its last answers."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def _read_settings(**options: object) -> "Settings":
    """Settings from the options that were given, else from the environment, else the defaults.

    Raises:
        InputError: no library was named, or a value does not fit.
    """
    from pydantic import ValidationError

    from service.settings import Settings

    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise InputError(_sentence(error, set(given))) from error


def _sentence(error: "ValidationError", given: set[str]) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    if name == "library" and first["type"] == "missing":
        return "no library was named: say which one with --library DIR or CPD_LIBRARY"
    source = f"--{name}" if name in given else f"CPD_{name.upper()}"
    return f"{source}: {first['msg']}, got {first['input']!r}"


@contextmanager
def _listening(host: str, port: int) -> "Iterator[socket.socket]":
    """A socket that listens already, so that a busy port is known before a model is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(f"cannot listen on {host}: {error.strerror}") from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            raise InputError(
                f"cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}; "
                f"choose another with --port, or 0 for any that is free"
            ) from error
        yield listener


@contextmanager
def _ended_by_sigterm() -> "Iterator[None]":
    """Treat `kill` and `docker stop` like Ctrl-C, so that everything is closed in good order."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "localhost"  # every address of this machine; this one works from here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
