"""The page's server: nothing without its secret, and no writing but where it is expected."""

from __future__ import annotations

import io
import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from verify.runtimes.loopback import Loopback, _Exchange

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "page" / "run.js"
    path.parent.mkdir()
    path.write_text("// the page's own")
    return path


def ask(server: Loopback, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = HTTPConnection(server.origin.removeprefix("http://"))
    connection.request(method, path, body or None)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


def test_nothing_is_read_without_the_secret(script: Path) -> None:
    with Loopback({"page": script.parent}) as server, Loopback({}) as other:
        assert ask(server, "GET", f"{server.root}page/run.js") == (200, script.read_bytes())
        path = server.lay(b"weights")
        assert ask(server, "GET", path) == (200, b"weights")
        for secret in ("/", other.root):
            for rest in ("page/run.js", path.removeprefix(server.root)):
                assert ask(server, "GET", secret + rest)[0] == 404


def test_a_put_is_taken_once_where_it_is_expected_and_nowhere_else(script: Path) -> None:
    with Loopback({"page": script.parent}) as server:
        laid, expected = server.lay(b"weights"), server.expect()
        refused = (
            f"{server.root}page/run.js",
            f"{server.root}page/other.js",
            f"/{expected.removeprefix(server.root)}",
            laid,
        )
        for path in refused:
            assert ask(server, "PUT", path, b"alert(1)")[0] == 403
        assert server.blobs == {laid: b"weights"}
        assert ask(server, "GET", f"{server.root}page/run.js") == (200, b"// the page's own")
        assert ask(server, "PUT", expected, b"numbers")[0] == 204
        assert ask(server, "PUT", expected, b"other numbers")[0] == 403
        assert server.blobs[expected] == b"numbers"


def test_a_path_out_of_the_folder_is_not_there(script: Path) -> None:
    (script.parents[1] / "secret.txt").write_text("secret")
    with Loopback({"page": script.parent}) as server:
        for path in ("page/../secret.txt", "page/%2e%2e/secret.txt", "page/none.js"):
            assert ask(server, "GET", server.root + path)[0] == 404
        assert "page/none.js" in server.missing


class _TwoWrites(io.BufferedIOBase):
    """Head and body apart."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream

    def write(self, data: ReadableBuffer) -> int:
        head = bytes(data).index(b"\r\n\r\n") + 4
        return self._stream.write(bytes(data)[:head]) + self._stream.write(bytes(data)[head:])


class _Apart(_Exchange):
    """Nagle's algorithm holds the second write back."""

    disable_nagle_algorithm = False

    def setup(self) -> None:
        super().setup()
        self.wfile = _TwoWrites(self.wfile)


class _ApartLoopback(Loopback):
    handler = _Apart


def time_answers(server: Loopback) -> list[float]:
    """Seconds of twenty on one connection, after ten that the network stack is quick for."""
    connection = HTTPConnection(server.origin.removeprefix("http://"))
    path = server.lay(bytes(20_000))
    seconds = []
    for _ in range(30):
        start = time.perf_counter()
        connection.request("GET", path)
        assert len(connection.getresponse().read()) == 20_000
        seconds.append(time.perf_counter() - start)
    connection.close()
    return seconds[10:]


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Nagle's algorithm would hold the end of each answer back for 40 ms."""
    with Loopback({}) as server, _ApartLoopback({}) as faulty:
        assert min(time_answers(server)) < 0.02 < median(time_answers(faulty))
