"""Random trees of the filter language over few words, so that they meet the videos of a test."""

from hypothesis import strategies as st

from index.filters.fields import FIELDS, OPERATORS, THINGS, Field, Kind, Operator
from index.filters.filter import Filter
from index.filters.tree import Comparison, Has, Joined, Node, Not
from index.filters.values import Value, value_of

WORDS = (
    "sea",
    "Sea",
    "s",
    "\u00dcber",
    "u\u0308ber",
    "red car",
    "5",
    "5.0",
    "2024-05",
    "true",
    "a\"b'\\",
)
NUMBERS = ("0", "1", "2.5", "60", "90", "-3", "1e3")
DATES = ("2024", "2024-05", "2024-05-01", "2023-12-31T23:59", "2024-05-01T00:00:00+02:00")
META_KEYS = ("camera", "gps.lat", "tags", "shot by")
NAMES = {
    "id": ("0" * 31 + "1", "0" * 31 + "2", "0" * 31 + "F"),
    "hash": ("ab" * 32, "CD" * 32),
    "root": ("home", "Archive"),
    "collection": ("best", "Worst"),
    "folder": ("sea", "sea/day 1", "/videos", "/videos/sea", "day", "a%_b"),
    "path": ("/sea/", "videos/SEA", "1.mp4", "%", "_"),
    "name": ("1", ".mp4", "sea", "\u00fcber"),
    "codec": ("h264", "HEVC", "h"),
    "container": ("mov", "matroska"),
}

META_FIELDS = st.sampled_from(META_KEYS).map(lambda key: Field("meta." + key, Kind.ANY))
ANY_FIELD = st.sampled_from(list(FIELDS.values())) | META_FIELDS


def words_of(field: Field) -> tuple[str, ...]:
    """What a field may be compared with so that it says something."""
    match field.kind:
        case Kind.NUMBER:
            return (*NUMBERS, *(f"2{unit}" for unit in field.units))
        case Kind.DATE:
            return DATES
        case Kind.TRUTH:
            return ("true", "no")
        case Kind.ANY:
            return (*WORDS, *NUMBERS, *DATES)
        case _:
            return NAMES.get(field.name, WORDS)


@st.composite
def values(draw: st.DrawFn, field: Field, operator: Operator) -> Value:
    """A value that the operator of the field takes."""
    if operator in ("<", "<=", ">", ">="):
        words = [word for word in words_of(field) if word in (*NUMBERS, *DATES)]
        return value_of(field, draw(st.sampled_from(words)), operator=operator, quoted=False)
    word, quoted = draw(st.sampled_from(words_of(field))), draw(st.booleans())
    return value_of(field, word, operator=operator, quoted=quoted)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """A field, an operator that it has, and a value or several."""
    field = draw(ANY_FIELD)
    operator = draw(st.sampled_from(OPERATORS[field.kind]))
    most = 3 if operator == "in" else 1
    compared = draw(st.lists(values(field, operator), min_size=1, max_size=most))
    return Comparison(field, operator, tuple(compared))


THING = st.sampled_from([*THINGS, *(f"meta.{key}" for key in (*META_KEYS, "gps"))])


def _joined(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(nodes, min_size=2, max_size=4).map(tuple)
    return nodes.map(Not) | st.builds(Joined, st.sampled_from(["and", "or"]), parts)


FILTERS: st.SearchStrategy[Filter] = st.recursive(
    comparisons() | THING.map(Has), _joined, max_leaves=8
).map(Filter)
