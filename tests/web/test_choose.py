"""How timbres are counted in node, compared with its rules written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.paths import TESTS
from tests.patience import PATIENCE_SECONDS
from train.learn.counting import Regime
from web.node import run_node

Notes = NDArray[np.float64]
"""Rows of first frame, end frame, pitch, velocity."""


def draw(seed: int, apart: float) -> tuple[NDArray[np.float64], Notes, NDArray[np.float64]]:
    """Sixty notes of two instruments whose embeddings differ by about ``apart``; one has none."""
    rng = np.random.default_rng(seed)
    start = np.sort(rng.integers(0, 900, 60))
    notes = np.stack(
        [start, start + rng.integers(6, 60, 60), rng.integers(40, 80, 60), rng.uniform(0.3, 1, 60)],
        axis=1,
    ).astype(np.float64)
    vectors = rng.normal(0, 0.04, (60, 12)) + np.eye(12)[0]
    vectors[:, 1] += apart * rng.integers(0, 2, 60)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[7] = 0
    return vectors, notes, rng.uniform(0, 0.2, 60)


def ask(folder: Path, vectors: Notes, notes: Notes, unrest: NDArray[np.float64]) -> dict[str, Any]:
    names = ("startFrame", "endFrame", "pitch", "velocity")
    request = {
        "vectors": vectors.tolist(),
        "notes": [dict(zip(names, note, strict=True)) for note in notes.tolist()],
        "unrest": unrest.tolist(),
    }
    path = folder / "request.json"
    path.write_text(json.dumps(request))
    printed = run_node(TESTS / "js" / "choosing.js", path, limit_seconds=PATIENCE_SECONDS)
    answer: dict[str, Any] = json.loads(printed)
    return answer


def describe(
    vectors: NDArray[np.float64], notes: Notes, unrest: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The traits, pair by pair of all notes at once."""
    heard = np.linalg.norm(vectors, axis=1) > 0
    vectors, notes, unrest = vectors[heard], notes[heard], unrest[heard]
    start, end, pitch, velocity = notes.T
    weight = velocity * np.minimum(1, (end - start) / 13)
    distance = 1 - vectors @ vectors.T
    pairs = np.outer(weight, weight) * (1 - np.eye(len(notes)))
    apart = np.abs(pitch[:, None] - pitch)
    pause = np.maximum(start[:, None] - end, start - end[:, None])
    kinds = [
        apart >= 0,
        apart <= 2,
        (apart <= 9) & (pause <= 0),
        (apart <= 5) & (pause > 0) & (pause < 40),
    ]
    means = [np.average(distance, weights=pairs * kind) for kind in kinds]
    distances = np.sqrt([*means, np.average(unrest, weights=weight)])
    made: NDArray[np.float64] = np.log(np.append(distances, velocity.mean()) + 0.01)
    return made


@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_timbres_are_counted_by_the_rules(apart: float, tmp_path: Path) -> None:
    vectors, notes, unrest = draw(round(10 * apart), apart)
    answer = ask(tmp_path, vectors, notes, unrest)
    wanted = describe(vectors, notes, unrest)
    np.testing.assert_allclose(answer["traits"], wanted, rtol=0, atol=1e-9)
    wrong = describe(vectors, np.roll(notes, 1, axis=0), unrest)
    assert np.abs(wrong - wanted).max() > 1e-3, "the check sees notes that changed places"
    weights = answer["weights"]
    chosen = weights["REGIMES"][int(wanted[0] >= weights["WIDE"])]
    mean, scale, sums = (np.array(chosen[name]) for name in ("MEAN", "SCALE", "WEIGHTS"))
    total = Regime(mean, scale, sums).sums(wanted)
    assert answer["count"] == (2 if total >= chosen["CERTAIN"] else 1)
    assert answer["perhaps"] == (2 if total >= chosen["LIKELY"] else 1)
    assert (answer["count"] == 2) == (apart > 0), "the check sees both verdicts"
