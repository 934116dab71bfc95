"""Every failure has its status, and its answer is a problem document that tells no secrets."""

import pytest

from cpd_model.errors import CPDError, DeviceError, InputError, ModelNotFoundError
from index.errors import IndexMismatchError, LibraryCorruptError, UnknownVideoError, VideoError
from service.core.errors import (
    ForeignRequestError,
    MediaGoneError,
    NotReadyError,
    OverloadedError,
    UnsupportedUploadError,
    UploadTooLargeError,
)
from service.http.problems import STATUS, TITLES, status_of
from tests.service.conftest import ClientFor
from tests.service.fakes import FakeEngine

ERRORS = [
    (InputError("no such thing"), 422, "input"),
    (VideoError("/secret/place/beach.mp4", "moov atom not found"), 422, "video"),
    (UnknownVideoError("no video"), 404, "unknown-video"),
    (MediaGoneError("gone"), 404, "media-gone"),
    (UploadTooLargeError("too large"), 413, "upload-too-large"),
    (UnsupportedUploadError("what is this"), 415, "unsupported-upload"),
    (ForeignRequestError("who are you"), 403, "foreign-request"),
    (OverloadedError("later"), 429, "overloaded"),
    (NotReadyError("soon"), 503, "not-ready"),
    (IndexMismatchError("other model"), 503, "index-mismatch"),
    (LibraryCorruptError("broken"), 503, "library-corrupt"),
    (ModelNotFoundError("no such model"), 503, "model-not-found"),
    (DeviceError("no such device"), 503, "device"),
    (CPDError("anything else"), 500, "cpd"),
]


@pytest.mark.parametrize(("error", "status", "kind"), ERRORS, ids=[kind for *_, kind in ERRORS])
async def test_each_error_has_its_status(
    client_for: ClientFor, error: CPDError, status: int, kind: str
) -> None:
    async with client_for(FakeEngine({"dog": error})) as client:
        response = await client.post("/v1/search", json={"query": "dog"})

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": f"urn:cpd:problem:{kind}",
        "title": TITLES[status],
        "status": status,
        "detail": str(error),
        "instance": "/v1/search",
    }


def test_a_program_knows_a_failure_by_the_same_word_here_and_on_the_command_line() -> None:
    assert [error.code for error, _, _ in ERRORS] == [kind for *_, kind in ERRORS]


async def test_an_overloaded_service_says_when_to_come_back(client_for: ClientFor) -> None:
    async with client_for(FakeEngine({"dog": OverloadedError("later")})) as client:
        response = await client.post("/v1/search", json={"query": "dog"})

    assert int(response.headers["retry-after"]) >= 1


async def test_an_unforeseen_failure_tells_nothing_but_its_request_id(
    client_for: ClientFor,
) -> None:
    async with client_for(FakeEngine({"dog": RuntimeError("password 1234")})) as client:
        response = await client.post(
            "/v1/search", json={"query": "dog"}, headers={"x-request-id": "abc-1"}
        )

    assert response.status_code == 500
    assert response.json()["type"] == "urn:cpd:problem:internal-error"
    assert "1234" not in response.text
    assert response.headers["x-request-id"] == "abc-1"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_file_of_the_server_is_named_without_its_folder(client_for: ClientFor) -> None:
    error = VideoError("/secret/place/beach.mp4", "moov atom not found")

    async with client_for(FakeEngine({"dog": error})) as client:
        response = await client.post("/v1/search", json={"query": "dog"})

    assert response.json()["detail"] == "cannot read beach.mp4: moov atom not found"


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [("GET", "/nowhere", 404, "not-found"), ("PUT", "/v1/search", 405, "method-not-allowed")],
)
async def test_a_wrong_address_is_a_problem_document_too(
    client_for: ClientFor, method: str, path: str, status: int, kind: str
) -> None:
    async with client_for(FakeEngine()) as client:
        response = await client.request(method, path)

    assert response.status_code == status
    assert response.json()["type"] == f"urn:cpd:problem:{kind}"
    assert response.json()["instance"] == path


async def test_bad_input_names_the_fields_without_repeating_the_values(
    client_for: ClientFor,
) -> None:
    async with client_for(FakeEngine()) as client:
        response = await client.post("/v1/search", json={"query": "x" * 501, "limit": 0})

    assert response.status_code == 422
    problem = response.json()
    assert problem["type"] == "urn:cpd:problem:invalid-request"
    assert [error["field"] for error in problem["errors"]] == ["query", "limit"]
    assert "xxx" not in response.text


def test_every_status_has_a_title() -> None:
    assert set(STATUS.values()) <= set(TITLES)


def test_what_nobody_foresaw_is_an_internal_error() -> None:
    assert status_of(KeyError("x")) == 500
