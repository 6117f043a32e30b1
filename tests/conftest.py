"""What several tests share: where the shared material lies, and clips to listen to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """One thread sums in one order, and leaves the other core to the browser."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of checkpoints, recordings and upstream's outputs that lies beside a checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (upstream's checkpoints and outputs), which is not here")
    return SHARED


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
