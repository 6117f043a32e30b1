"""A static web server on this machine, like a good host: compressed, with the usual headers."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from pathlib import Path
from typing import Any, Self

from web.compress import CODINGS

ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers that give a page WebAssembly threads."""


class SiteServer:
    """Serves a folder on 127.0.0.1 for the duration of a ``with`` block.

    ``prefix`` is the site's path; ``isolated`` adds ISOLATION. ``requests`` lists the requested
    paths, ``sent`` counts the bytes of the answers to each, headers included.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, prefix: str = "/", isolated: bool = False
    ) -> None:
        self.folder = folder
        self.prefix = prefix
        self.headers = ISOLATION if isolated else {}
        self.requests: list[str] = []
        self.sent: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where the site is, ending in a slash."""
        return f"http://127.0.0.1:{self._server.server_port}{self.prefix}"

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


class _Counted(io.BufferedIOBase):
    """A stream that counts the bytes written to it."""

    def __init__(self, stream: io.BufferedIOBase, tell: Callable[[int], None]) -> None:
        self._stream = stream
        self._tell = tell

    def write(self, data: Any, /) -> int:  # noqa: ANN401  # typing has no Buffer before Python 3.12
        """Write and count."""
        written = self._stream.write(data)
        self._tell(written)
        return written


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012  # as in the class that it overrides
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".mjs": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        "": "application/octet-stream",
    }

    coding: str | None = None
    """Content coding of the file being sent, empty if not compressed."""

    def __init__(self, site: SiteServer, *arguments: object) -> None:
        self.site = site
        super().__init__(*arguments, directory=str(site.folder))  # type: ignore[arg-type]  # passed on

    def setup(self) -> None:
        """Count the bytes of the answer."""
        super().setup()
        self.wfile = _Counted(self.wfile, self._count)

    def _count(self, written: int) -> None:
        self.site.sent[getattr(self, "path", "")] += written  # not HTTP: no request was read

    def translate_path(self, path: str) -> str:
        """Remove the prefix, outside which nothing exists; prefer a compressed sibling."""
        self.site.requests.append(path)
        self.coding = None
        if not path.startswith(self.site.prefix):
            return str(self.site.folder / "outside the prefix")
        found = super().translate_path("/" + path.removeprefix(self.site.prefix))
        plain = str(Path(found) / "index.html") if Path(found).is_dir() else found
        accepted = {
            offer.partition(";")[0].strip()
            for offer in self.headers.get("Accept-Encoding", "").split(",")
        }
        for coding, (suffix, _) in CODINGS.items():
            if coding in accepted and Path(plain + suffix).is_file():
                self.coding = coding
                return plain + suffix
        return found

    def guess_type(self, path: str | PathLike[str]) -> str:
        """The type of the uncompressed file."""
        plain = str(path)
        return super().guess_type(
            plain.removesuffix(CODINGS[self.coding][0]) if self.coding else plain
        )

    def end_headers(self) -> None:
        """Add the headers of every answer."""
        if self.coding:
            self.send_header("Content-Encoding", self.coding)
            self.send_header("Vary", "Accept-Encoding")
        for header, value in self.site.headers.items():
            self.send_header(header, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: ``requests`` has the requests."""
