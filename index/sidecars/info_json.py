"""What yt-dlp writes of a download (`clip.info.json`), as a document of ours.

    title                                 title
    description                           caption
    timestamp, release_timestamp,         date: the first that is there, as ISO 8601
        upload_date, release_date
    location                              place
    uploader, channel, tags ...           by their own names, see KEPT_KEYS

Everything else (formats, thumbnails, headers, automatic captions: most of the file) is left out.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from index.documents import Document, JsonValue, checked_document, date_seconds

KEPT_KEYS = (
    *("uploader", "uploader_id", "channel", "channel_id", "creator", "artist", "album", "track"),
    *("tags", "categories", "genre", "language", "license", "age_limit"),
    *("view_count", "like_count", "webpage_url", "extractor", "id", "playlist", "playlist_index"),
    *("series", "season_number", "episode", "episode_number"),
)
"""Keys that keep the name that yt-dlp gives them."""

_RENAMED = (("title", "title"), ("description", "caption"), ("location", "place"))
_DATES = ("timestamp", "release_timestamp", "upload_date", "release_date")


def document_of_info(info: Mapping[str, Any]) -> Document:
    """The metadata in an info.json.

    Raises:
        InputError: what it says is too large to be metadata.
    """
    document: Document = {new: info[old] for old, new in _RENAMED if _says(info.get(old))}
    for key in _DATES:
        date = _iso_date(info.get(key))
        if date is not None:
            document["date"] = date
            break
    document.update({key: info[key] for key in KEPT_KEYS if _says(info.get(key))})
    return checked_document(document)


def _says(value: JsonValue) -> bool:
    return value is not None and value not in ("", [], {})


def _iso_date(value: JsonValue) -> str | None:
    seconds = date_seconds(value)
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    # An upload_date tells the day alone.
    return moment.date().isoformat() if isinstance(value, str) else moment.isoformat()
