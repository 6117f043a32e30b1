"""Fixtures of several tests: the shared material, browsers, models and clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from playwright.sync_api import Browser

from export.__main__ import main
from export.catalog import MODELS
from export.manifest import Manifest
from tests.browsers import BROWSERS, open_browser
from tests.paths import SHARED
from tests.stand_in import write_models, write_tune
from verify.runtimes.launch import BrowserName
from web.build import build_site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Retry once a page in Firefox that never settles; a wrong result is never retried.

    In Firefox ESR 153 under a service worker a thread sometimes never gets its first message, and
    onnxruntime then waits for ever (figures at fetchRuntime in web/lib/worker/session.js). The
    library starts again with one thread after START_MS; this stays until CI no longer needs it.
    """
    for item in items:
        if "test_page_" in item.nodeid and "firefox" in item.nodeid:
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=["TimeoutError"]))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Use one thread, which sums in one order and leaves the other core to the browser."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=BROWSERS)
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Chromium, then Firefox: each started once for the tests of a file."""
    name: BrowserName = request.param
    with open_browser(name) as opened:
        yield opened


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with stand-in models in ``site``, those in ``models``, a recording, ``tune.wav``."""
    folder = tmp_path_factory.mktemp("page")
    build_site(write_models(folder / "models"), folder / "site")
    write_tune(folder / "tune.wav")
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of checkpoints, recordings and upstream's outputs beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (upstream's checkpoints and outputs), which is not here")
    return SHARED


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Upstream's if they are beside the checkout, else random ones: both must work."""
    if SHARED.is_dir():
        return SHARED / "checkpoints"
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in ("basicamt", "septimbre", "basicpitch"):
        torch.manual_seed(len(name))
        network = MODELS[name].build().get_submodule("network")
        if name == "septimbre":  # trained branches differ in k
            network.get_parameter("encoder.k").data.fill_(0.3)
        torch.save(network.state_dict(), folder / f"{name}.pth")
    return folder


@pytest.fixture(scope="session")
def models(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every model as an fp32 file, with its manifest."""
    out = tmp_path_factory.mktemp("models")
    arguments = ["--checkpoints", str(checkpoints), "--out", str(out), "--variants", "fp32"]
    arguments.append("--baselines")
    assert main([*arguments, "--quiet"]) == 0
    assert {file.model for file in Manifest.read(out).files} == set(MODELS)
    return out


def read_mono(path: Path) -> np.ndarray:
    """A recording mixed by the mean: float32 (1, 1, samples), at its own rate."""
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    mono: np.ndarray = samples.mean(axis=1)[None, None]
    return mono


def make_music(seconds: float = 1.0, rate_hz: int = 44_100, seed: int = 0) -> np.ndarray:
    """A few decaying harmonic tones over faint noise: float32 (1, 1, samples), within ±1."""
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
