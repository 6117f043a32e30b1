"""The server behind a page that runs models: scripts to read, tensors to exchange as bytes.

Everything is served under a secret path, so that no other process of this machine can read or
answer for the page.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import cast

from web.serve import ISOLATION, TYPES, FileServer, Handler

_HEADERS = {"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store"}


class _Exchange(Handler):
    protocol_version = "HTTP/1.1"  # keeps connections open

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        loopback, path = cast(Loopback, self.files), self.path.partition("?")[0]
        if path in loopback.blobs:
            kind = TYPES.get(Path(path).suffix, "application/octet-stream")
            headers = {"Content-Type": kind}
            self.answer(HTTPStatus.OK, loopback.blobs[path], headers)
            return
        if (
            loopback.find(path) is None and path != "/favicon.ico"
        ):  # browsers ask for it by themselves
            loopback.missing.append(path.removeprefix(loopback.root))
        super().do_GET()

    def do_PUT(self) -> None:  # noqa: N802  # http.server's name
        loopback = cast(Loopback, self.files)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path in loopback.awaited:
            loopback.awaited.remove(self.path)
            loopback.blobs[self.path] = body
            self.answer(HTTPStatus.NO_CONTENT)
        else:
            self.answer(HTTPStatus.FORBIDDEN)


class Loopback(FileServer):
    """Serves ``mounts``, a folder for each first part of the path below ``root``.

    ``blobs`` are bytes by path, which take precedence over files. ``isolated`` sends the headers of
    cross-origin isolation, without which WebAssembly has no threads. ``missing`` lists requested
    paths that do not exist.
    """

    handler = _Exchange

    def __init__(self, mounts: Mapping[str, Path], *, isolated: bool = True) -> None:
        self.root = f"/{secrets.token_urlsafe(16)}/"
        self.blobs: dict[str, bytes] = {}
        self.awaited: set[str] = set()
        """Paths that the page may PUT to, once."""
        self.missing: list[str] = []
        self._count = 0
        folders = {f"{self.root}{name}/": folder for name, folder in mounts.items()}
        super().__init__(folders, headers={**ISOLATION, **_HEADERS} if isolated else _HEADERS)

    @property
    def url(self) -> str:
        """The address of everything, ending in a slash."""
        return self.origin + self.root

    def lay(self, data: bytes) -> str:
        """Put bytes at a new path and return it."""
        path = self._new_path()
        self.blobs[path] = data
        return path

    def expect(self) -> str:
        """A new path to which the page may PUT bytes once, which then are in ``blobs``."""
        path = self._new_path()
        self.awaited.add(path)
        return path

    def clear(self) -> None:
        """Remove all blobs and expected paths."""
        self.blobs.clear()
        self.awaited.clear()

    def _new_path(self) -> str:
        self._count += 1
        return f"{self.root}blob/{self._count}"
