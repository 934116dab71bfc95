"""The two bodies of POST /v1/classify: JSON that names a stored video, or a form with a file."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from service.core.errors import UnsupportedUploadError
from service.http.schemas.labels import (
    EXAMPLE_LABELLING,
    MAX_LABELS,
    MAX_TEMPLATES,
    LabelRequest,
    StoredLabelRequest,
)

JSON = "application/json"
FORM = "multipart/form-data"
MAX_FIELDS = MAX_LABELS + MAX_TEMPLATES + 2
MAX_FIELD_BYTES = 4096

Model = TypeVar("Model", bound=BaseModel)

FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["file", "labels"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "The video."},
        "labels": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 200},
            "minItems": 2,
            "maxItems": MAX_LABELS,
            "description": "One field for each label.",
        },
        "top": {"type": "integer", "minimum": 1, "maximum": MAX_LABELS},
        "timeline": {"type": "boolean", "default": False},
        "templates": {
            "type": "array",
            "items": {"type": "string", "pattern": r"\{\}"},
            "maxItems": MAX_TEMPLATES,
            "description": "One field for each prompt, with `{}` where the label goes.",
        },
    },
}

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {
            "schema": {"$ref": "#/components/schemas/StoredLabelRequest"},
            "examples": {
                "stored video": {
                    "summary": "A video of the library",
                    "value": EXAMPLE_LABELLING,
                }
            },
        },
        FORM: {
            "schema": FORM_SCHEMA,
            "encoding": {"labels": {"style": "form", "explode": True}},
        },
    },
}
"""What OpenAPI says about the body: FastAPI cannot derive two content types from one signature."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on this machine's disk, for as long as its request lasts."""

    path: Path
    file_name: str
    """What the sender calls it; never used as a path."""

    request: LabelRequest


async def classify_body(request: Request) -> AsyncIterator[StoredLabelRequest | Upload]:
    """FastAPI dependency: the body of POST /v1/classify, of either kind.

    Raises:
        RequestValidationError: a field is missing, wrong or unknown.
        UnsupportedUploadError: neither JSON nor a form.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == JSON:
        yield _parsed_json(await request.body())
    elif content_type == FORM:
        async with _received_upload(request) as upload:
            yield upload
    else:
        raise UnsupportedUploadError(
            f"the body is {content_type or 'of no content type'}: "
            f"expected {JSON} with a video_id, or {FORM} with a file"
        )


@asynccontextmanager
async def _received_upload(request: Request) -> AsyncIterator[Upload]:
    async with request.form(
        max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
    ) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise _invalid("file", "a file is missing: send the video in the form field `file`")
        fields = _validated(LabelRequest, _fields_of(form))
        with tempfile.NamedTemporaryFile(prefix="cpd-upload-") as stored:
            # The decoder is another process: it needs a name, which the form's own file has not.
            await asyncio.to_thread(shutil.copyfileobj, file.file, stored, 2**20)
            await asyncio.to_thread(stored.flush)
            await file.close()
            yield Upload(Path(stored.name), _file_name_of(file), fields)


def _fields_of(form: FormData) -> dict[str, Any]:
    """The form's fields as JSON would have them; twice what cannot be there twice is an error."""
    lists = ("labels", "templates")
    fields: dict[str, Any] = {}
    for name in form:
        values = form.getlist(name)
        if name != "file":
            fields[name] = values if name in lists or len(values) > 1 else values[0]
    return fields


def _file_name_of(file: UploadFile) -> str:
    """The last part of the sender's name for a file, whichever system it comes from."""
    name = PureWindowsPath(PurePosixPath(file.filename or "").name).name
    return name.encode("utf-8", "backslashreplace").decode()[:200] or "upload"


def _parsed_json(body: bytes) -> StoredLabelRequest:
    try:
        return StoredLabelRequest.model_validate_json(body)
    except ValidationError as error:
        raise _translated(error) from error


def _validated(model: type[Model], fields: dict[str, Any]) -> Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _translated(error) from error


def _translated(error: ValidationError) -> RequestValidationError:
    return RequestValidationError(
        error.errors(include_url=False, include_context=False, include_input=False)
    )


def _invalid(field: str, problem: str) -> RequestValidationError:
    return RequestValidationError([{"loc": (field,), "msg": problem, "type": "missing"}])
