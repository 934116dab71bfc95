"""What all bodies have in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def _said(text: str) -> str:
    """A text without what surrounds it; Python strips more signs than pydantic, U+001C among them.

    Raises:
        ValueError: nothing is left.
    """
    text = text.strip()
    if not text:
        raise ValueError("it holds no word: nothing but spaces and signs that nobody sees")
    return text


Said = AfterValidator(_said)
"""Of a text that a model is to understand."""

VideoId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]

EXAMPLE_ID = "6b0f5d1c8e6b4a0f9a3f1c2d7e8f9a0b"


class Body(BaseModel):
    """A request or an answer: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
