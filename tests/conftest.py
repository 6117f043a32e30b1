"""Fixtures of several tests: the shared material, browsers, models and clips.

A package that is slow to import is imported by the fixture that needs it.
"""

from __future__ import annotations

import fcntl
import functools
import gc
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.paths import SHARED

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# One thread sums in one order, and leaves the other core to the browser, or to another test.
os.environ["OMP_NUM_THREADS"] = "1"

MARKERS = {"browsing": "browser", "exporting": "export"}
"""Fixture → marker of the tests that request it, directly or through another fixture."""

PAGE = "tests/web/page/"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: starts a real browser")
    config.addinivalue_line("markers", "export: traces or exports a real network")
    config.addinivalue_line("markers", "install: makes an environment, from the registry; slow")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by fixtures, and run each file, or each browser's half of it, in one process.

    All files of the page are one here, so that each browser is started once for them.

    The order: one file that makes the shared export, what needs a browser but no export, so that
    nobody waits for it, other long ones, and the short ones, so that both cores are busy to the
    end.
    """
    for item in items:
        names = {*getattr(item, "fixturenames", ())}
        names.update(name for mark in item.iter_markers("usefixtures") for name in mark.args)
        for fixture, marker in MARKERS.items():
            if fixture in names:
                item.add_marker(marker)
        callspec = getattr(item, "callspec", None)
        browser = callspec.params.get("browser", "") if callspec else ""
        # Software WebGPU takes every core: no two of them at once.
        file = item.nodeid.split("::")[0]
        if "chromium" in names:
            browser = "chromium"
        if file.startswith(PAGE) and browser:
            file = PAGE
        group = "webgpu" if "webgpu" in item.nodeid else f"{file} {browser}".strip()
        item.add_marker(pytest.mark.xdist_group(group))
        # A browser on a busy machine sometimes hangs (one way of Firefox ESR 153 is told in
        # web/lib/engine/helpers.js). A page that does not settle is retried once, and the summary
        # says so; a wrong result never is.
        if item.nodeid.startswith(PAGE):
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=["TimeoutError"]))
    needed = {"models", "exporting"}
    first = next((i.path for i in items if needed <= {*getattr(i, "fixturenames", ())}), None)
    items.sort(key=lambda item: (item.path != first, _rank(item)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the collector of garbage pass over what is imported, which stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    gc.unfreeze()


def _rank(item: pytest.Item) -> int:
    """When its turn is: the lower, the earlier."""
    browses, exports = (item.get_closest_marker(one) for one in ("browser", "export"))
    if browses:
        return 1 if exports else 0
    return 2 if exports else 3


@pytest.fixture(scope="session")
def browsing() -> None:
    """Request this, directly or through another fixture, in a test that starts a browser."""


@pytest.fixture(scope="session")
def exporting() -> None:
    """Request this, directly or through another fixture, in a test that traces a real network."""


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest, browsing: None) -> Iterator[Browser]:
    """Chromium, then Firefox: each started once for the tests of a file."""
    from tests.browsers import open_browser

    with open_browser(request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium(browsing: None) -> Iterator[Browser]:
    """Chromium alone, started once for the tests of a file."""
    from tests.browsers import open_browser

    with open_browser("chromium") as opened:
        yield opened


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with stand-in models in ``site``, those in ``models``, a recording, ``tune.wav``."""
    from tests.stand_in import write_models, write_tune
    from web.build import build_site

    def make(folder: Path) -> None:
        build_site(write_models(folder / "models"), folder / "site")
        write_tune(folder / "tune.wav")

    return make_once(tmp_path_factory, "page", make)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of checkpoints, recordings and upstream's outputs beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (upstream's checkpoints and outputs), which is not here")
    return SHARED


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Upstream's if they are beside the checkout, else the bundled ones."""
    if SHARED.is_dir():
        return SHARED / "checkpoints"
    import torch
    from safetensors.torch import load_file

    from export.catalog import MODELS
    from export.load.sources import BUNDLED

    def make(folder: Path) -> None:
        folder.mkdir()
        for name in ("basicamt", "septimbre"):
            torch.save(load_file(BUNDLED / f"{name}.safetensors"), folder / f"{name}.pth")
        torch.manual_seed(0)
        network = MODELS["basicpitch"].build().get_submodule("network")
        torch.save(network.state_dict(), folder / "basicpitch.pth")

    return make_once(tmp_path_factory, "checkpoints", make)


@pytest.fixture(scope="session")
def models(
    checkpoints: Path, tmp_path_factory: pytest.TempPathFactory, exporting: None
) -> Iterator[Path]:
    """Every model as an fp32 file, with its manifest; read-only, since every test shares it."""
    from export.__main__ import main
    from export.catalog import MODELS
    from export.manifest import Manifest

    def make(out: Path) -> None:
        arguments = ["--checkpoints", str(checkpoints), "--out", str(out), "--variants", "fp32"]
        assert main([*arguments, "--baselines", "--quiet"]) == 0

    made = make_once(tmp_path_factory, "models", make)
    assert {file.model for file in Manifest.read(made).files} == set(MODELS)
    before = look(made)
    yield made
    assert look(made) == before, "a test wrote into what all share"


def make_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """A folder that several processes share: the first one makes it, the others wait for it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    made, unfinished = root / name, root / f"{name}.unfinished"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(made)
    return made


def look(folder: Path) -> dict[str, tuple[int, int]]:
    """Length and time of change of every file."""
    stats = {str(path): path.stat() for path in folder.rglob("*")}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def read_mono(path: Path) -> np.ndarray:
    """A recording mixed by the mean: float32 (1, 1, samples), at its own rate."""
    import soundfile

    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    mono: np.ndarray = samples.mean(axis=1)[None, None]
    return mono


def make_music(seconds: float = 1.0, rate_hz: int = 44_100, seed: int = 0) -> np.ndarray:
    """A few decaying harmonic tones over faint noise: float32 (1, 1, samples), within ±1."""
    return _make_music(seconds, rate_hz, seed).copy()


@functools.lru_cache(maxsize=16)
def _make_music(seconds: float, rate_hz: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    audio = 1e-4 * random.standard_normal(time.size)
    for start in np.arange(0, seconds, 0.25):
        pitch_hz = 440 * 2 ** ((random.integers(48, 84) - 69) / 12)
        since = np.maximum(time - start, 0)
        envelope = np.exp(-4 * since) * (time >= start) * np.minimum(since / 0.005, 1)
        for harmonic in range(1, 7):
            audio += 0.15 / harmonic * envelope * np.sin(2 * np.pi * pitch_hz * harmonic * since)
    return np.clip(audio, -1, 1).astype(np.float32)[None, None]
