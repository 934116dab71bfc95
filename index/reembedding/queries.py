"""What two models are asked to be compared: a file's lines, or how the videos are called.

Captions and titles are the nearest thing to what people ask. A library without any is asked for the
names of its files.
"""

from pathlib import Path
from typing import NamedTuple

from cpd_model.errors import InputError
from index.catalog.texts import spread_texts
from index.library.library import Library
from index.search.query import words_of

NUM_QUERIES = 100


class Queries(NamedTuple):
    """Some queries, and where they are from."""

    texts: list[str]
    source: str
    """For people: `captions and titles`, `names of files`, or the file."""


def stored_queries(library: Library) -> Queries:
    """Up to NUM_QUERIES different texts of a library's videos, from all over it.

    Raises:
        InputError: there are none.
    """
    with library.catalog.read_transaction() as connection:
        said = spread_texts(connection, ("caption", "title"), limit=NUM_QUERIES)
        names = [] if said else spread_texts(connection, ("name",), limit=NUM_QUERIES)
    found = Queries(said or names, "captions and titles" if said else "names of files")
    if not found.texts:
        raise InputError(
            f"the library in {library.folder} has no video, and so no text to ask: name a file "
            "with a query on each line by --queries"
        )
    return found


def queries_of_file(file: Path) -> Queries:
    """The lines of a file, empty ones left out.

    Raises:
        InputError: it cannot be read, is no UTF-8, or has no query.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise InputError(
            f"cannot read the queries in {file}: {reason}; it has to be a text with a query a line"
        ) from error
    texts = [words_of(line) for line in lines if line.strip()]
    if not texts:
        raise InputError(f"there is no query in {file}: write one on each line")
    return Queries(texts, str(file))
