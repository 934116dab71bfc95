"""What a container says of its video beside the pictures: title, date, place.

    title, com.apple.quicktime.title                 title
    com.apple.quicktime.creationdate, date,          date: the first that is one
        date_recorded, creation_time
    com.apple.quicktime.location.name                place
    com.apple.quicktime.location.iso6709, location   gps.lat, gps.lon, gps.altitude, and the place
                                                     where no name tells it

Names are compared without case, for Matroska shouts, and without a language (`location-eng`).
"""

import math
import re
from collections.abc import Mapping

from index.documents import Document, date_seconds

_APPLE = "com.apple.quicktime."
_TITLES = ("title", f"{_APPLE}title")
_DATES = (f"{_APPLE}creationdate", "date", "date_recorded", "creation_time")
_POINTS = (f"{_APPLE}location.iso6709", "location")

_LONGEST = 1000
"""Characters of one value that are taken."""

_NEVER_SET = ("1904-01-01", "1970-01-01T00:00:00")
"""A clock at zero, of QuickTime and of Unix."""

_POINT = re.compile(
    r"(?P<lat>[+-]\d{2,6}(?:\.\d+)?)(?P<lon>[+-]\d{3,7}(?:\.\d+)?)"
    r"(?P<altitude>[+-]\d+(?:\.\d+)?)?(?:CRS[^/]*)?/?",
    re.ASCII,
)


def document_of_tags(tags: Mapping[str, str]) -> Document:
    """The metadata in the tags of a container, as FFmpeg tells them; what is no use is left out."""
    said: dict[str, str] = {}
    for name, value in tags.items():
        said.setdefault(_name_without_language(name), _tidy(value))
    document: Document = {}
    if title := _first(said, _TITLES):
        document["title"] = title
    if date := _date(said):
        document["date"] = date
    point = _first(said, _POINTS)
    named = said.get(f"{_APPLE}location.name")
    gps = point_of(point) if point else None
    if gps is not None:
        document["gps"] = gps
        document["place"] = named or f"{gps['lat']}, {gps['lon']}"
    elif place := named or point:
        document["place"] = place
    return document


def point_of(text: str) -> Document | None:
    """Degrees and metres of a point as ISO 6709 writes it: `+48.8577+002.2950+035.0/`.

    Degrees may come with minutes (+4851.46) and seconds (+485127.7). None where it is no such
    point of the earth.
    """
    match = _POINT.fullmatch(text)
    if match is None:
        return None
    lat, lon = _degrees(match["lat"], digits=2), _degrees(match["lon"], digits=3)
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:
        return None
    point: Document = {"lat": lat, "lon": lon}
    if match["altitude"]:
        point["altitude"] = float(match["altitude"])
    return point


def _degrees(text: str, *, digits: int) -> float | None:
    """+DD.D, +DDMM.M or +DDMMSS.S, with `digits` for the degrees."""
    whole, _, fraction = text[1:].partition(".")
    rest = len(whole) - digits
    if rest not in (0, 2, 4):
        return None
    parts = [whole[:digits], *(whole[place : place + 2] for place in range(digits, len(whole), 2))]
    parts[-1] = f"{parts[-1]}.{fraction or '0'}"
    degrees = math.fsum(float(part) / 60.0**power for power, part in enumerate(parts))
    return round(math.copysign(degrees, -1 if text[0] == "-" else 1), 6)


def _date(said: Mapping[str, str]) -> str | None:
    for name in _DATES:
        date = said.get(name, "")
        seconds = date_seconds(date)
        if seconds is not None and not date.startswith(_NEVER_SET):
            return date
    return None


def _first(said: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((said[name] for name in names if said.get(name)), None)


def _name_without_language(name: str) -> str:
    return re.sub(r"-[a-z]{3}$", "", name.lower())


def _tidy(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value[:_LONGEST]).strip()
