"""The server gives what lies in its folder, and answers whatever is asked."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from web.serve import SiteServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SiteServer]:
    site, secret = tmp_path / "site", tmp_path / "secret"
    for folder in (site / "folder", secret):
        folder.mkdir(parents=True)
    (site / "index.html").write_text("inside")
    (site / "style.css").write_text("inside")
    for name in ("index.html", "secret.txt"):
        (secret / name).write_text("outside")
    (site / "link.txt").symlink_to(secret / "secret.txt")
    (site / "linked").symlink_to(secret)
    (site / "folder" / "index.html").symlink_to(secret / "index.html")
    (site / "style.css.br").symlink_to(secret / "secret.txt")
    (site / "here.txt").symlink_to(site / "index.html")
    (site / "circle").symlink_to(site / "circle")
    with SiteServer(site) as opened:
        yield opened


def ask(server: SiteServer, path: str) -> tuple[int, str]:
    request = urllib.request.Request(server.origin + path, headers={"Accept-Encoding": "br"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


@pytest.mark.parametrize("path", ["/", "/index.html?x=%00", "/here.txt", "/style.css"])
def test_what_lies_inside_is_given(path: str, server: SiteServer) -> None:
    assert ask(server, path) == (200, "inside")


@pytest.mark.parametrize(
    "path",
    [
        "/%00", "/a%00b", "/" + "a" * 5000, "/" + "a/" * 5000, "/../secret/secret.txt",
        "/%2e%2e/secret/secret.txt", "/..%2fsecret/secret.txt", "//etc/passwd", "/%2fetc/passwd",
        "/link.txt", "/linked/secret.txt", "/linked/", "/folder/", "/circle", "/%ff%fe", "/absent",
    ],
    ids=lambda path: path[:24],
)  # fmt: skip
def test_what_does_not_is_not_found_and_the_server_lives(path: str, server: SiteServer) -> None:
    assert ask(server, path) == (404, "")
    assert ask(server, "/") == (200, "inside")
