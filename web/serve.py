"""A static web server on this machine, like a good host: compressed, with the usual headers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import unquote

from web.compress import CODINGS

ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers that give a page WebAssembly threads."""
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}


class Handler(BaseHTTPRequestHandler):
    """Answers for a FileServer."""

    disable_nagle_algorithm = True  # it holds an answer's end back for 40 ms

    def __init__(self, server: FileServer, *arguments: object) -> None:
        self.files = server
        super().__init__(*arguments)  # type: ignore[arg-type]  # the server's own, passed on

    def do_GET(self) -> None:
        """Answer with a file, or its compressed sibling where the browser takes that."""
        self.files.requests.append(self.path)
        file = self.files.find(self.path.partition("?")[0])
        if file is None:
            self.answer(HTTPStatus.NOT_FOUND)
            return
        headers = {"Content-Type": TYPES.get(file.suffix, "application/octet-stream")}
        accepted = self.headers.get("Accept-Encoding", "").split(",")
        codings = {offer.partition(";")[0].strip() for offer in accepted}
        for coding, (suffix, _) in CODINGS.items():
            sibling = file.with_name(file.name + suffix)
            if coding in codings and sibling.is_file() and not sibling.is_symlink():
                headers |= {"Content-Encoding": coding, "Vary": "Accept-Encoding"}
                file = sibling
                break
        headers["Last-Modified"] = self.date_time_string(file.stat().st_mtime)
        if self.headers.get("If-Modified-Since") == headers["Last-Modified"]:
            self.answer(HTTPStatus.NOT_MODIFIED, headers=headers)
        else:
            self.answer(HTTPStatus.OK, file.read_bytes(), headers)

    do_HEAD = do_GET  # noqa: N815  # http.server's name

    def answer(
        self, status: HTTPStatus, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send head and body in one write."""
        lines = {"Date": self.date_time_string(), **self.files.headers, **(headers or {})}
        if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            lines["Content-Length"] = str(len(body))
        head = f"{self.protocol_version} {status.value} {status.phrase}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        answer = head.encode("latin-1") + (b"" if self.command == "HEAD" else body)
        self.files.sent[self.path] += len(answer)
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the requests are in ``requests``."""


class FileServer:
    """Serves folders on 127.0.0.1 while its block lasts.

    ``mounts`` are folders by the path that they lie under, with a slash at both ends; ``headers``
    go with every answer. ``requests`` lists the paths that were asked for, ``sent`` counts the
    bytes of the answers to each, headers included.
    """

    handler: ClassVar[type[Handler]] = Handler

    def __init__(
        self, mounts: Mapping[str, Path], *, port: int = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        self.headers = headers or {}
        self.requests: list[str] = []
        self.sent: Counter[str] = Counter()
        self._mounts = {path: folder.resolve() for path, folder in mounts.items()}
        self._server = ThreadingHTTPServer(("127.0.0.1", port), partial(self.handler, self))
        self._server.daemon_threads = True

    @property
    def origin(self) -> str:
        """The address, e.g. ``http://127.0.0.1:43210``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def find(self, path: str) -> Path | None:
        """The file at a path, inside its mount, or None; a folder means its index.html.

        A link is followed as long as it stays in the mount.
        """
        for mount, folder in self._mounts.items():
            if path.startswith(mount):
                try:
                    file = (folder / unquote(path.removeprefix(mount))).resolve()
                    file = (file / "index.html").resolve() if file.is_dir() else file
                    return file if file.is_relative_to(folder) and file.is_file() else None
                except (ValueError, OSError, RuntimeError):
                    return None  # %00, a name too long for any file, links in a circle
        return None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def wait(self) -> None:
        """Serve until interrupted."""
        self._thread.join()

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class SiteServer(FileServer):
    """Serves one folder under ``prefix``; ``isolated`` adds ISOLATION."""

    def __init__(
        self, folder: Path, *, port: int = 0, prefix: str = "/", isolated: bool = False
    ) -> None:
        super().__init__({prefix: folder}, port=port, headers=ISOLATION if isolated else None)
        self.url = self.origin + prefix
