"""How the service is operated: environment variables with the prefix CPD_, read once."""

import ipaddress
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""Hosts that only this machine can mean."""

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """Every setting of `cpd serve`. An option on the command line wins over the environment."""

    model_config = SettingsConfigDict(env_prefix="CPD_", frozen=True, extra="forbid")

    library: Path
    """Folder of the library to serve."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 opens the service to the network, and it has no password."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one."""

    model: str | None = None
    """Model to search with; by default the one that indexed the library."""

    device: str = "auto"
    """Where the model and the search run: `auto`, `cpu`, `cuda` or `cuda:1`."""

    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names that requests may address the service by, besides localhost, this machine's own name
    and plain IP addresses; separated by commas, `*` allows all. Keeps DNS rebinding out."""

    max_queued_queries: Count = 256
    """Text queries that may wait for the model; one more is answered with 429."""

    query_batch_size: Count = 32
    """Text queries that the model takes at once."""

    query_batch_wait_seconds: Annotated[float, Field(ge=0)] = 0.002
    """How long the first query of a batch waits for company."""

    cached_queries: Annotated[int, Field(ge=0)] = 4096
    """Text embeddings that are remembered."""

    max_queued_videos: Count = 8
    """Videos that may wait to be classified; one more is answered with 429."""

    max_upload_bytes: Count = 512 * 2**20
    """Largest video that may be uploaded for classification."""

    max_upload_seconds: Seconds = 600.0
    """Longest video that may be uploaded for classification."""

    num_decoders: Count = 2
    """Processes that decode videos for thumbnails, previews and uploads."""

    decode_timeout_seconds: Seconds = 60.0
    """A decoder that takes longer for one piece of work is killed."""

    media_cache_dir: Path | None = None
    """Where thumbnails and previews are kept; by default `media/` in the user's cache folder, or a
    temporary folder where that cannot be written."""

    media_cache_bytes: Count = 2**30
    """Size of that cache; the least recently used files go first."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """Log lines for people or for machines; `auto` is console on a terminal, JSON elsewhere."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line that is written."""

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    def accepts_host(self, name: str) -> bool:
        """Whether a request may be addressed to this host name (no port, no brackets).

        An IP address is always accepted: DNS rebinding needs a name that an attacker owns.
        """
        name = name.lower().rstrip(".")
        known = (*LOOPBACK_NAMES, self.host, socket.gethostname().lower(), *self.allowed_hosts)
        return "*" in self.allowed_hosts or name in known or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
