"""A hub that serves one folder over HTTP, in the few answers that huggingface_hub asks for."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serving(repositories: dict[str, Path | int]) -> Iterator[str]:
    """The address of a hub that has these: a name with its folder, or with an HTTP status."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self, *, with_body: bool) -> None:
            path = urlsplit(self.path).path.strip("/").removeprefix("api/models/")
            name, rest = "/".join(path.split("/")[:2]), path.split("/")[2:]
            found = repositories.get(name, 404)
            if isinstance(found, int):
                codes = {403: "GatedRepo", 404: "RepoNotFound"}
                self._send(found, b"{}", with_body=with_body, code=codes.get(found, ""))
            elif rest[:1] == ["resolve"]:
                file = found / "/".join(rest[2:])
                status = 200 if file.is_file() else 404
                content = file.read_bytes() if file.is_file() else b""
                self._send(status, content, with_body=with_body, code="EntryNotFound")
            else:
                listing = _tree(found) if rest[:1] == ["tree"] else _facts(name, found)
                self._send(200, json.dumps(listing).encode(), with_body=with_body, code="")

        def _send(self, status: int, content: bytes, *, with_body: bool, code: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if status >= 400 and code:
                self.send_header("X-Error-Code", code)
            self.end_headers()
            if with_body:
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _facts(name: str, folder: Path) -> dict[str, object]:
    files = [
        {"rfilename": path.name, "size": path.stat().st_size} for path in sorted(folder.iterdir())
    ]
    return {"id": name, "modelId": name, "sha": COMMIT, "siblings": files, "private": False}


def _tree(folder: Path) -> list[dict[str, object]]:
    return [
        {
            "type": "file",
            "path": path.name,
            "size": path.stat().st_size,
            "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.iterdir())
    ]
