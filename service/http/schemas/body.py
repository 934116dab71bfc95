"""What all bodies have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

VideoId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]

EXAMPLE_ID = "6b0f5d1c8e6b4a0f9a3f1c2d7e8f9a0b"


class Body(BaseModel):
    """A request or an answer: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
