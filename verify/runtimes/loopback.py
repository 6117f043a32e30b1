"""A web server for one page on this machine: files, and tensors as bytes.

It listens on 127.0.0.1 at a free port. A page is isolated from other origins unless told
otherwise, without which WebAssembly has no threads.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
_ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Loopback:
    """Serves ``mounts``, a folder for each first part of the path, while its block lasts.

    ``blobs`` are bytes by path, before any file: what ``put`` laid there for the page, and what
    the page PUT. ``isolated`` sends the headers of cross-origin isolation.
    ``missing`` lists what was asked for and is not there.
    """

    def __init__(self, mounts: Mapping[str, Path], *, isolated: bool = True) -> None:
        self.headers = {**_ISOLATION, **_HEADERS} if isolated else _HEADERS
        self.mounts = {name: folder.resolve() for name, folder in mounts.items()}
        self.blobs: dict[str, bytes] = {}
        self.missing: list[str] = []
        self._count = 0

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def origin(self) -> str:
        """The address, e.g. ``http://127.0.0.1:43210``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, data: bytes = b"") -> str:
        """Lay bytes at a new path and return it."""
        self._count += 1
        path = f"/blob/{self._count}"
        self.blobs[path] = data
        return path

    def find(self, path: str) -> Path | None:
        """Return the file at a path: inside its mount, or None."""
        name, _, rest = path.lstrip("/").partition("/")
        folder = self.mounts.get(name)
        if folder is None:
            return None
        file = (folder / rest).resolve()
        return file if file.is_relative_to(folder) and file.is_file() else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, loopback: Loopback, *args: object) -> None:
        self.loopback = loopback
        super().__init__(*args)  # type: ignore[arg-type]  # the server's own arguments, passed on

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in self.loopback.blobs:
            self._answer(HTTPStatus.OK, self.loopback.blobs[path])
        elif (file := self.loopback.find(path)) is not None:
            self._answer(HTTPStatus.OK, file.read_bytes(), _TYPES.get(file.suffix))
        else:
            if path != "/favicon.ico":  # browsers ask for it unbidden
                self.loopback.missing.append(path)
            self._answer(HTTPStatus.NOT_FOUND)

    def do_PUT(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.loopback.blobs[self.path] = self.rfile.read(length)
        self._answer(HTTPStatus.NO_CONTENT)

    def _answer(self, status: HTTPStatus, body: bytes = b"", mime: str | None = None) -> None:
        self.send_response(status)
        for header, value in self.loopback.headers.items():
            self.send_header(header, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", mime or "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what was missing is in ``missing``."""
