"""What kind of file a video is, as browsers name it."""

from collections.abc import Mapping
from pathlib import PurePath

CONTENT_TYPES: Mapping[str, str] = {
    ".3gp": "video/3gpp",
    ".avi": "video/x-msvideo",
    ".flv": "video/x-flv",
    ".gif": "image/gif",
    ".m2ts": "video/mp2t",
    ".m4v": "video/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".mts": "video/mp2t",
    ".ogg": "video/ogg",
    ".ogv": "video/ogg",
    ".ts": "video/mp2t",
    ".webm": "video/webm",
    ".wmv": "video/x-ms-wmv",
}
"""By file suffix: the tables of operating systems differ, and know `.ts` as something else."""


def content_type_of(path: PurePath | str) -> str:
    """Content type of a video file, by its suffix; browsers are told not to guess."""
    return CONTENT_TYPES.get(PurePath(path).suffix.lower(), "application/octet-stream")
