"""What happens around every request: who may ask, how much, and what is written down about it.

SafeHeaders        what a browser may do with our answers
  RequestRecord    request id, log line, metrics; the last resort for what nobody foresaw
    DoorKeeper     host names, other web sites, size of the body
      the app
"""

import re
import time
import uuid
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.core.errors import ForeignRequestError, UploadTooLargeError
from service.http.metrics import Metrics
from service.http.problems import CLIENT_LEFT_STATUS, TOO_LARGE_STATUS, problem_of
from service.logs import open_log
from service.settings import Settings

REQUEST_ID = "x-request-id"
PROBES = ("/health/live", "/health/ready", "/metrics")
"""Asked by machines all day: logged only where somebody wants every detail."""

MAX_JSON_BYTES = 2**20
FORM_OVERHEAD_BYTES = 2**20
"""Room for the labels and boundaries around an uploaded file."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

SAFE_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

log = open_log()


class RequestRecord:
    """Gives each request an id, counts it, writes one log line, and answers unforeseen failures."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        started = time.perf_counter()
        status = 0

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, noting_send)
            except ClientDisconnect:
                status = status or CLIENT_LEFT_STATUS
            except Exception as error:
                log.exception("request failed", path=scope["path"])
                if status:
                    raise  # the answer has begun: only the server can cut the connection
                response = problem_of(error, instance=scope["path"])
                await response(scope, receive, noting_send)
            finally:
                seconds = time.perf_counter() - started
                # A route's template, not the path: metrics stay few, and logs without ids.
                route = getattr(scope.get("route"), "path", "unmatched")
                self._metrics.observe_request(scope["method"], route, status, seconds)
                write = log.debug if scope["path"] in PROBES else log.info
                write(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    seconds=round(seconds, 4),
                )


class DoorKeeper:
    """Refuses requests for other hosts, from other web sites, and with too large a body.

    Without a password the service trusts whoever reaches it. A web page elsewhere must not reach it
    through a visitor's browser: not by a name that it lets point here (DNS rebinding), and not by a
    form that it sends here.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        max_bytes = self._max_body_bytes(request)
        refusal = self._refusal(request, max_bytes)
        if refusal:
            await problem_of(refusal, instance=scope["path"])(scope, receive, send)
            return
        await self._app(scope, _counted(receive, max_bytes), send)

    def _max_body_bytes(self, request: Request) -> int:
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            return self._settings.max_upload_bytes + FORM_OVERHEAD_BYTES
        return MAX_JSON_BYTES

    def _refusal(self, request: Request, max_bytes: int) -> Exception | None:
        host = _host_name(request.headers.get("host", ""))
        if not self._settings.accepts_host(host):
            return ForeignRequestError(
                f"this service does not answer to the name {host!r}; its operator can add it to "
                f"CPD_ALLOWED_HOSTS"
            )
        if request.method == "POST" and request.headers.get("sec-fetch-site") == "cross-site":
            return ForeignRequestError("another web site may not send requests to this service")
        if int(request.headers.get("content-length", "0")) > max_bytes:
            return UploadTooLargeError(_too_large(max_bytes))
        return None


class SafeHeaders:
    """Tells browsers to load nothing from elsewhere and to guess no content types."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def safe_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, safe_send)


def _request_id(headers: Headers) -> str:
    """The caller's id where it is harmless in a log, else a new one."""
    given = headers.get(REQUEST_ID, "")
    return given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) else uuid.uuid4().hex


def _host_name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _counted(receive: Receive, max_bytes: int) -> Receive:
    """The same messages; fails once they hold too many bytes, whatever the sender announced."""
    num_bytes = 0

    async def counted_receive() -> Message:
        nonlocal num_bytes
        message = await receive()
        num_bytes += len(message.get("body", b""))
        if num_bytes > max_bytes:
            # FastAPI lets only this class through while it reads a body.
            raise HTTPException(TOO_LARGE_STATUS, _too_large(max_bytes))
        return message

    return counted_receive


def _too_large(max_bytes: int) -> str:
    return f"the body of the request may have at most {max_bytes} bytes"
