"""The one table that turns any failure into an HTTP answer.

Answers are RFC 9457 problem documents: type, title, status, detail, instance.
"""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from cpd_model.errors import CPDError, DeviceError, InputError, ModelError
from index.errors import (
    LibraryError,
    UnknownCollectionError,
    UnknownRootError,
    UnknownSnapshotError,
    UnknownVideoError,
)
from service.core.errors import (
    ForeignRequestError,
    MediaGoneError,
    NotReadyError,
    OverloadedError,
    UnsupportedUploadError,
    UploadTooLargeError,
)

PROBLEM_JSON = "application/problem+json"


STATUS: dict[type[Exception], int] = {
    UnknownVideoError: 404,
    UnknownCollectionError: 404,
    UnknownRootError: 404,
    UnknownSnapshotError: 404,
    MediaGoneError: 404,
    UploadTooLargeError: 413,
    UnsupportedUploadError: 415,
    ForeignRequestError: 403,
    InputError: 422,
    OverloadedError: 429,
    NotReadyError: 503,
    LibraryError: 503,
    ModelError: 503,
    DeviceError: 503,
    CPDError: 500,
    RequestValidationError: 422,
}
"""HTTP status of each failure; the most specific entry along the class's ancestry counts."""

READY_STATUS = {True: 200, False: 503}
"""HTTP status of /health/ready."""

TOO_LARGE_STATUS = 413
CLIENT_LEFT_STATUS = 499
"""What nginx writes into its log when nobody is left to read the answer."""

TITLES = {
    400: "Bad request",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    413: "Too large",
    415: "Unsupported content type",
    416: "No such range",
    422: "Cannot be used",
    429: "Too busy",
    500: "Internal error",
    503: "Not available",
}
"""One title per status, as RFC 9457 wants it."""

PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": TITLES[status],
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (404, 413, 415, 422, 429, 503)
}
"""What OpenAPI says about failures; a route picks its own with `problems`."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the failures that a route can answer with."""
    return {status: PROBLEM_RESPONSES[status] for status in statuses}


def status_of(error: Exception) -> int:
    """HTTP status of a failure: 500 for one that nobody foresaw."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def problem_of(error: Exception, *, instance: str) -> JSONResponse:
    """The problem document of a failure.

    What nobody foresaw is answered without details: those are in the log, under the request's id.
    """
    if isinstance(error, HTTPException):
        return _problem(error.status_code, _kind_of_status(error.status_code), str(error.detail),
                        instance, headers=dict(error.headers or {}))  # fmt: skip
    if isinstance(error, RequestValidationError):
        return _problem(422, "invalid-request", _sentence(error.errors()), instance,
                        extra={"errors": _field_errors(error.errors())})  # fmt: skip
    status = status_of(error)
    if not isinstance(error, CPDError):
        return _problem(status, "internal-error", "The service failed; its log says why.", instance)
    wait_seconds = getattr(error, "retry_after_seconds", None)
    headers = {} if wait_seconds is None else {"Retry-After": str(wait_seconds)}
    return _problem(status, error.code, str(error), instance, headers=headers)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every failure of the app's routes with a problem document."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return problem_of(error, instance=request.url.path)

    for kind in (CPDError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)


def _problem(
    status: int,
    kind: str,
    detail: str,
    instance: str,
    *,
    headers: dict[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> JSONResponse:
    body = {
        "type": f"urn:cpd:problem:{kind}",
        "title": TITLES.get(status, "Failed"),
        "status": status,
        "detail": detail,
        "instance": instance,
        **(extra or {}),
    }
    return JSONResponse(body, status_code=status, headers=headers, media_type=PROBLEM_JSON)


def _kind_of_status(status: int) -> str:
    return TITLES.get(status, "Failed").lower().replace(" ", "-")


def _field_errors(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Where and what, without the value: it may be long, secret or no valid JSON."""
    return [{"field": _field_of(error), "problem": error["msg"]} for error in errors]


def _sentence(errors: Sequence[Any]) -> str:
    return "; ".join(f"{_field_of(error)}: {error['msg']}" for error in errors)


def _field_of(error: Any) -> str:
    return ".".join(str(part) for part in error["loc"] if part != "body") or "body"
