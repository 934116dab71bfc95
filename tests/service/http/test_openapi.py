"""The REST API is the one that was agreed, and the docs tell all of it."""

import json
import re
from pathlib import Path

import httpx
import pytest

from service.http.problems import STATUS, TITLES

GOLDEN = Path(__file__).parents[2] / "golden" / "openapi.json"


async def test_the_api_is_the_one_that_was_agreed(client: httpx.AsyncClient) -> None:
    """A change of the API shows as a change of this file: run tests/golden/regenerate.py."""
    document = (await client.get("/openapi.json")).json()
    document["info"]["version"] = "x"

    assert document == json.loads(GOLDEN.read_text())


async def test_the_api_shows_both_bodies_of_a_classification(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    content = document["paths"]["/v1/classify"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}


async def test_every_reference_of_the_api_leads_somewhere(client: httpx.AsyncClient) -> None:
    text = (await client.get("/openapi.json")).text

    names = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert names <= set(json.loads(text)["components"]["schemas"])


async def test_every_address_is_told_in_the_docs(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    page = (Path(__file__).parents[3] / "docs" / "rest.md").read_text()

    told = set(re.findall(r"^\| `(\w+ /\S+)` \|", page, re.MULTILINE))
    assert told == {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }


@pytest.mark.parametrize("status", sorted({*STATUS.values(), *TITLES} - {405}))
def test_every_status_is_told_in_the_docs(status: int) -> None:
    page = (Path(__file__).parents[3] / "docs" / "rest.md").read_text()

    assert f"| {status} |" in page
