"""What a person asks for, in words."""

from cpd_model.errors import InputError
from cpd_model.zero_shot import is_text


def words_of(query: str) -> str:
    """The words of a query, without the spaces around them.

    Raises:
        InputError: there are none, or it holds bytes that are no UTF-8.
    """
    words = query.strip()
    if not words:
        raise InputError("the query is empty: describe the moment in a few words")
    if not is_text(words):
        raise InputError("the query holds bytes that are no UTF-8: write it in UTF-8")
    return words
