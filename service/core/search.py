"""Finding moments."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:  # so that routes and their tests start without NumPy and FAISS
    from index.search.moments import Hit


class SearchAnswer(NamedTuple):
    """The best moments, and what finding them took."""

    model: str
    """Name of the model that understood the query."""

    hits: "Sequence[Hit]"
    """Best first."""

    encode_seconds: float
    """Time from text to vector, waiting included."""

    search_seconds: float
    """Time from vector to moments, waiting included."""


class Searches(Protocol):
    """What finds moments."""

    async def search(self, query: str, *, limit: int, merge: bool) -> SearchAnswer:
        """The moments that fit a description best; `merge=False` gives raw windows."""
        ...
