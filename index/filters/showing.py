"""A piece of a filter as it can stand in a sentence and on a terminal."""

_LONGEST = 60


def shown(text: str) -> str:
    """A piece without what moves a cursor or breaks a line, cut where it is long."""
    short = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)
