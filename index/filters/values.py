"""What a field is compared with: texts, numbers with units, dates, true and false."""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime

from index.filters.fields import Field, Kind, Operator

_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?) ?([a-zA-Z]*)")
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?"
)
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
_DAY_SECONDS = 86400
_1970 = datetime(1970, 1, 1)  # without a zone: such times are UTC here


@dataclass(frozen=True, slots=True)
class Text:
    """A text, compared without regard to case."""

    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number; of a duration in seconds, of a size in bytes."""

    number: float
    written: str
    """As a person wrote it, with its unit."""


@dataclass(frozen=True, slots=True)
class Period:
    """A date: the time [start, stop) that it covers, a year as well as a second."""

    start_seconds: float
    """Since 1970, UTC."""
    stop_seconds: float
    """Since 1970, UTC."""
    written: str


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""

    is_true: bool


Value = Text | Number | Period | Truth


def value_of(field: Field, written: str, *, operator: Operator, quoted: bool) -> Value:
    """What a word or a quoted text means to a field.

    Only metadata, whose types nobody declared, tells `5` from `"5"`: a quoted text is a text.

    Raises:
        ValueError: it means nothing there; says what was expected.
    """
    if "\0" in written:
        raise ValueError("a text of a filter cannot hold the character NUL")
    match field.kind:
        case Kind.NUMBER:
            return _number_with_unit(field, written)
        case Kind.DATE:
            return _date(field, written)
        case Kind.TRUTH:
            return _truth(field, written)
        case Kind.ANY if not quoted and operator != "~":
            value: Value = _bare_number(written) or period_of(written) or Text(written)
        case _:
            value = Text(written)
    if not written:
        raise ValueError(f"{field.shown} is compared with an empty text: ask whether it has: one")
    if isinstance(value, Text) and operator in ("<", "<=", ">", ">="):
        raise ValueError(f"{operator} compares numbers and dates, such as 4 or 2024-05-01")
    return value


def period_of(written: str) -> Period | None:
    """The time that a date covers: 2024, 2024-05, 2024-05-01, 2024-05-01T12:30[:15[.5]][zone].

    Without a zone it is UTC.

    Returns:
        None where it is no date.
    """
    found = _DATE.fullmatch(written)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction, zone = found[7] or "", found[8]
    try:
        start = (datetime(year, month or 1, day or 1, hour, minute, second) - _1970).total_seconds()
    except ValueError:  # the 31st of February
        return None
    start += float(f"0.{fraction or 0}") - _offset_seconds(zone)
    return Period(start, start + _length_seconds(found), written.replace(" ", "T"))


def _length_seconds(found: "re.Match[str]") -> float:
    """How much time a date of this precision covers."""
    year, month, day, hour, _, second, fraction, _ = found.groups()
    if month is None:
        return (366 if calendar.isleap(int(year)) else 365) * _DAY_SECONDS
    if day is None:
        return calendar.monthrange(int(year), int(month))[1] * _DAY_SECONDS
    if hour is None:
        return _DAY_SECONDS
    if second is None:
        return 60
    return 10.0 ** -len(fraction or "")


def _offset_seconds(zone: str | None) -> int:
    """How far a zone is before UTC."""
    if zone is None or zone == "Z":
        return 0
    offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return offset if zone[0] == "+" else -offset


def number_text(number: float) -> str:
    """A number as one writes it: 60, not 60.0."""
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def _number_with_unit(field: Field, written: str) -> Number:
    found = _NUMBER.fullmatch(written)
    unit = found[2].lower() if found else ""
    if found is None or (unit and unit not in field.units):
        example = f", or with one of the units {', '.join(field.units)}" if field.units else ""
        raise ValueError(f"{field.shown} is a number: write one such as 60{example}")
    number = float(found[1]) * field.units.get(unit, 1)
    if abs(number) == float("inf"):
        raise ValueError("the number is too large")
    return Number(number, written.replace(" ", ""))


def _bare_number(written: str) -> Number | None:
    found = _NUMBER.fullmatch(written)
    if found is None or found[1] != written or abs(float(written)) == float("inf"):
        return None
    return Number(float(written), written)


def _date(field: Field, written: str) -> Period:
    period = period_of(written)
    if period is None:
        raise ValueError(
            f"{field.shown} is a date: write one such as 2024, 2024-05, 2024-05-01 or "
            f"2024-05-01T12:30+02:00"
        )
    return period


def _truth(field: Field, written: str) -> Truth:
    if written.lower() not in _TRUTHS:
        raise ValueError(f"{field.shown} is true or false")
    return Truth(_TRUTHS[written.lower()])
