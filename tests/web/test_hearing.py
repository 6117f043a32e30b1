"""How sharp and how noisy a recording is, as node measures it, against numpy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.paths import TESTS
from tests.patience import PATIENCE_SECONDS
from web.node import run_node

BINS = 252


def draw_energies(seed: int, frames: int = 130, cents: float = 21) -> NDArray[np.float32]:
    """Chords that change every 20 frames over noise of a slope: (252, frames)."""
    random = np.random.default_rng(seed)
    k = np.arange(BINS)[:, None]
    energy = random.exponential(1e-3, (BINS, frames)) * 10 ** (-k / 150)
    for start in range(0, frames, 20):
        for row in random.integers(10, 60, 4):
            centre = 3 * row + 1 + 3 * cents / 100
            energy[:, start : start + 20] += random.uniform(0.1, 1) * 10.0 ** -((k - centre) ** 2)
    return energy.astype(np.float32)


def measure(energy: NDArray[np.float32], path: Path) -> dict[str, float]:
    energy.tofile(path)
    printed = run_node(TESTS / "js" / "hearing.js", path, limit_seconds=PATIENCE_SECONDS)
    answer: dict[str, float] = json.loads(printed)
    return answer


def tuning(energy: NDArray[np.float64]) -> tuple[float, float]:
    """Mean direction and length of the peaks' places within a semitone, as cents and clarity."""
    level, total, weight = np.log(energy), 0j, 0.0
    for t in range(energy.shape[1]):
        for k in range(18, 200):
            a, b, c = level[k - 1 : k + 2, t]
            if a < b and b >= c and energy[k, t] > 1e-3 * energy[:, t].max():
                place = k + 0.5 * (a - c) / (a - 2 * b + c)
                total += np.sqrt(energy[k, t]) * np.exp(2j * np.pi * (place - 1) / 3)
                weight += np.sqrt(energy[k, t])
    return float(np.angle(total) * 50 / np.pi), float(abs(total) / weight)


def contrast(energy: NDArray[np.float64]) -> float:
    """How far each bin's level stands from the mean of the 13 around it, by the frames' weight."""
    level = np.log(energy[18:200])
    size = len(level)
    around = np.array([level[max(0, k - 6) : k + 7].mean(axis=0) for k in range(size)])
    frames = np.sqrt(((level - around) ** 2).mean(axis=0))
    return float(np.average(frames, weights=np.sqrt(energy.sum(axis=0))))


@pytest.mark.parametrize("seed", range(3))
def test_tuning_and_contrast_are_numpys(seed: int, tmp_path: Path) -> None:
    energy = draw_energies(seed)
    found = measure(energy, tmp_path / "energy")
    cents, clarity = tuning(energy.astype(np.float64))
    assert (found["cents"], found["clarity"]) == pytest.approx((cents, clarity), abs=1e-5)
    assert found["contrast"] == pytest.approx(contrast(energy.astype(np.float64)), abs=1e-5)
    other = measure(draw_energies(seed, cents=-20), tmp_path / "energy")
    assert abs(other["cents"] - cents) > 20, "the check sees another tuning"
    assert abs(other["contrast"] - found["contrast"]) > 1e-5
