"""Published checkpoints are downloaded, verified and cached; a failure is one clear line."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from export.catalog import MODELS, Model
from export.load.sources import (
    TIMBREAMT_FILES,
    Weights,
    WeightsError,
    choose_weights,
    from_timbreamt,
)
from export.manifest import sha256_of

BASICAMT = MODELS["basicamt"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that prints no log."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A local copy of the repository's layout, and its address."""
    root = tmp_path / "repository"
    path, _ = TIMBREAMT_FILES["basicamt"]
    (root / path).parent.mkdir(parents=True)
    (root / path).write_bytes(b"a checkpoint")
    monkeypatch.setitem(TIMBREAMT_FILES, "basicamt", (path, sha256_of(root / path)))
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield root / path, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_download_then_cache(repository: tuple[Path, str], tmp_path: Path) -> None:
    original, address = repository
    find = from_timbreamt(tmp_path / "cache", address)
    weights = find(BASICAMT)
    assert weights is not None
    assert weights.path is not None
    assert weights.source == "timbreamt"
    assert weights.path.read_bytes() == b"a checkpoint"
    original.unlink()
    again = find(BASICAMT)
    assert again == weights


def test_wrong_hash(repository: tuple[Path, str], tmp_path: Path) -> None:
    original, address = repository
    original.write_bytes(b"something else")
    with pytest.raises(WeightsError, match="expected SHA-256") as caught:
        from_timbreamt(tmp_path / "cache", address)(BASICAMT)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").glob("*.pth"))


def test_missing_file(repository: tuple[Path, str], tmp_path: Path) -> None:
    original, address = repository
    original.unlink()
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        from_timbreamt(tmp_path / "cache", address)(BASICAMT)


def test_dead_server(tmp_path: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        port = server.server_port
    with pytest.raises(WeightsError, match="check the network, or use CHECKPOINTS"):
        from_timbreamt(tmp_path / "cache", f"http://127.0.0.1:{port}/")(BASICAMT)


def test_baselines_get_random_weights_where_they_are_asked_for() -> None:
    models = [BASICAMT, MODELS["tanaka"]]
    found = Weights("checkpoint", Path("basicamt.pth"))

    def find(model: Model) -> Weights | None:
        return found if model is BASICAMT else None

    assert choose_weights(models, find, asked=False) == {"basicamt": found}
    assert choose_weights(models, lambda model: found, asked=False)["tanaka"] == found
    assert list(choose_weights(models, find, asked=False, baselines=True)) == ["basicamt", "tanaka"]


def test_random_weights_are_said_loudly() -> None:
    models = [BASICAMT, MODELS["tanaka"]]
    with pytest.raises(WeightsError, match="no checkpoint for basicamt"):
        choose_weights(models, lambda model: None, asked=True)
    chosen = choose_weights(models[1:], lambda model: None, asked=True)
    assert chosen["tanaka"].source == "random, seed 0"
    assert chosen["tanaka"].sha256 is None
