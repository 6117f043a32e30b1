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

Array = NDArray[np.float64]
FRAMES = 1000
PITCHES, LOWEST = 84, 24
INTERVALS = (-1, 1, 12, 19, 24, 28, 31, 34, 36)
UNITS = np.array([8, 8, 12, 12, 12, 12, 12, 12, 12, 2.5, 0.16, 1.5])
ASPECTS = ([0, 1], [2, 3], [4, 5, 6, 7, 8], [9], [10], [11])


def draw(seed: int, apart: float) -> tuple[Array, Array, Array]:
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


def draw_sound(seed: int) -> tuple[Array, Array]:
    """Levels and frame activations without any meaning."""
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (PITCHES, FRAMES)) / 256  # exact as float32
    return rng.integers(0, 256, (PITCHES, FRAMES)).astype(np.float64), frame


def ask(
    folder: Path, vectors: Array, notes: Array, unrest: Array, sound: tuple[Array, Array]
) -> dict[str, Any]:
    names = ("startFrame", "endFrame", "pitch", "velocity")
    request = {
        "vectors": vectors.tolist(),
        "notes": [dict(zip(names, note, strict=True)) for note in notes.tolist()],
        "unrest": unrest.tolist(),
        "levels": sound[0].tolist(),
        "frame": sound[1].tolist(),
    }
    path = folder / "request.json"
    path.write_text(json.dumps(request))
    printed = run_node(TESTS / "js" / "choosing.js", path, limit_seconds=PATIENCE_SECONDS)
    answer: dict[str, Any] = json.loads(printed)
    return answer


def describe_sounds(notes: Array, levels: Array, frame: Array) -> Array:
    """The sound of each note, NaN where it is unknown."""
    decibels = levels / 2
    rises = np.maximum(0, np.diff(decibels, axis=1, prepend=decibels[:, :1])).mean(0)
    told = np.full((len(notes), len(UNITS)), np.nan)
    places = notes[:, :3].astype(int) - [0, 0, LOWEST]
    for i, (start, end, row) in enumerate(places):
        first = min(start + 2, end - 1)
        last = min(end, first + 24)
        sounding = (places[:, 0] < last) & (places[:, 1] > first) & (np.arange(len(places)) != i)
        others = places[sounding, 2]
        own = np.median(decibels[row, first:last])
        for k, at in enumerate(row + np.array(INTERVALS)):
            over = [at - other - spoils for other in others for spoils in (0, 12, 19, 24, 28, 31)]
            if 0 <= at < PITCHES and all(abs(miss) > 1 for miss in over):
                told[i, k] = np.median(decibels[at, first:last]) - own
        told[i, 9] = rises[max(0, start - 2) : start + 4].max()
        told[i, 10] = frame[row, start:end][:6].mean() - frame[row, start:end][-6:].mean()
        part = decibels[row, start + 3 : end][:60]
        if len(part) >= 8 and not set(row - others) & {12, 19, 24}:
            at = np.arange(len(part))
            told[i, 11] = np.std(part - np.polyval(np.polyfit(at, part, 1), at))
    made: Array = told / UNITS
    return made


def describe(vectors: Array, notes: Array, unrest: Array, sounds: Array) -> Array:
    """The traits, pair by pair of all notes at once."""
    heard = np.linalg.norm(vectors, axis=1) > 0
    vectors, notes, unrest, sounds = vectors[heard], notes[heard], unrest[heard], sounds[heard]
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
    squares = np.minimum((sounds[:, None] - sounds) ** 2, 9)
    near = (pairs * (apart <= 1))[..., None] * np.isfinite(squares)
    squares = np.nan_to_num(squares)
    heights = [np.average(squares[..., k], weights=near[..., k]) for k in ASPECTS]
    made: Array = np.append(
        np.log(np.append(distances, velocity.mean()) + 0.01), np.log(np.sqrt(heights) + 0.1)
    )
    return made


@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_timbres_are_counted_by_the_rules(apart: float, tmp_path: Path) -> None:
    vectors, notes, unrest = draw(round(10 * apart), apart)
    sound = draw_sound(round(10 * apart))
    answer = ask(tmp_path, vectors, notes, unrest, sound)
    sounds = describe_sounds(notes, *sound)
    assert 0.1 < np.isnan(sounds).mean() < 0.9, "the check sees what is known and what is not"
    np.testing.assert_allclose(np.array(answer["told"], float), sounds, rtol=0, atol=1e-9)
    wanted = describe(vectors, notes, unrest, sounds)
    np.testing.assert_allclose(answer["traits"], wanted, rtol=0, atol=1e-9)
    wrong = describe(vectors, np.roll(notes, 1, axis=0), unrest, sounds)
    assert np.abs(wrong - wanted).max() > 1e-3, "the check sees notes that changed places"
    silent = np.array(answer["mute"], float)
    np.testing.assert_allclose(silent[:6], wanted[:6], rtol=0, atol=1e-9)
    assert np.isnan(silent[6:]).all(), "without levels sounds are unknown"
    weights = answer["weights"]
    chosen = weights["REGIMES"][int(wanted[0] >= weights["WIDE"])]
    mean, scale, sums = (np.array(chosen[name]) for name in ("MEAN", "SCALE", "WEIGHTS"))
    total = Regime(mean, scale, sums).sums(wanted[: len(mean)])
    assert answer["count"] == (2 if total >= chosen["CERTAIN"] else 1)
    assert answer["perhaps"] == (2 if total >= chosen["LIKELY"] else 1)
