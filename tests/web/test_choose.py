"""How timbres are counted in node, compared with its rules written out and with torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.paths import TESTS
from tests.patience import PATIENCE_SECONDS
from train.learn.counting import Batch, Ear, Taught, settle, write_weights
from train.learn.sounds import BESIDES, BINS, SPECTRA, TRAITS, Example
from web.node import run_node

Array = NDArray[np.float64]
FRAMES = 1000
PITCHES, LOWEST = 84, 24
WINDOWS = ((-6, -3), (-3, -1), (-1, 1), (1, 3), (3, 6), (6, 12), (12, 24), (24, 48))
ENDINGS = ((0, 4), (4, 12))


def draw(seed: int) -> tuple[Array, Array]:
    """Sixty notes, the last at the recording's end; and levels without any meaning."""
    rng = np.random.default_rng(seed)
    start = np.sort(rng.integers(0, 960, 60))
    end = np.minimum(start + rng.integers(3, 70, 60), FRAMES)
    pitch = np.append(rng.integers(30, 100, 58), [24, 107])
    notes = np.stack([start, end, pitch, rng.uniform(0.3, 1, 60)], 1).astype(np.float64)
    return notes, rng.integers(0, 256, (PITCHES, FRAMES)).astype(np.float64)


def ask(folder: Path, notes: Array, levels: Array, weights: Path) -> dict[str, Any]:
    names = ("startFrame", "endFrame", "pitch", "velocity")
    request = {
        "notes": [dict(zip(names, note, strict=True)) for note in notes.tolist()],
        "levels": levels.tolist(),
    }
    path = folder / "request.json"
    path.write_text(json.dumps(request))
    script = TESTS / "js" / "choosing.js"
    printed = run_node(script, path, weights, limit_seconds=PATIENCE_SECONDS)
    answer: dict[str, Any] = json.loads(printed)
    return answer


def part(values: Array, start: int, end: int) -> Array:
    """Those of ``values`` that lie in the recording."""
    return values[max(0, start) : max(0, min(end, FRAMES))]


def describe(notes: Array, levels: Array) -> Array:
    """What the network is told of each note."""
    decibels = levels / 2
    rises = np.maximum(0, np.diff(decibels, axis=1, prepend=decibels[:, :1])).mean(0)
    places = notes[:, :3].astype(int) - [0, 0, LOWEST]
    own = []
    for start, end, row in places:
        first = min(start + 2, end - 1)
        own.append(np.median(decibels[row, first : min(end, first + 24)]))
    told = []
    line: Array
    for (start, end, row), level, velocity in zip(places, own, notes[:, 3], strict=True):
        windows = [
            (start + a, start + b if b <= 1 else min(start + b, max(end, start + 3)))
            for a, b in WINDOWS
        ]
        windows += [(end + a, end + b) for a, b in ENDINGS]
        values = []
        for window in windows:
            for at in range(row - 2, row + 38):
                if not 0 <= at < PITCHES:
                    values.append(-70.0)
                    continue
                cut = part(decibels[at], *window)
                values.append(float(np.clip(cut.mean() - level, -70, 30)) if len(cut) else 0.0)
        share = np.zeros(74)
        last = min(end, start + 24)
        for other_start, other_end, other_row in places:
            common = min(last, other_end) - max(start, other_start)
            itself = (other_start, other_end, other_row) == (start, end, row)
            if common > 0 and not itself and -36 <= other_row - row < 38:
                share[other_row - row + 36] += common / (last - start)
        traits = [rises[max(0, start - 2) : start + 4].max()]
        for over in (0, 12, 19):
            line = (
                part(decibels[row + over], start + 3, min(end, start + 63))
                if row + over < PITCHES
                else np.zeros(0)
            )
            if len(line) < 8:
                traits += [0, 0]
                continue
            time = np.arange(len(line))
            slope, base = np.polyfit(time, line, 1)
            traits += [np.log(0.2 + np.std(line - slope * time - base)), np.clip(slope, -2, 2)]
        traits += [row / 84, np.log(end - start) / 4, velocity, (level - np.mean(own)) / 10]
        told.append([*np.array(values) / 10, *share, *traits])
    return np.array(told)


def draw_network(seed: int) -> Ear:
    """A network whose parts all matter."""
    torch.manual_seed(seed)
    ear = Ear()
    for parameter in ear.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    for parameter in ear.sound.parameters():
        parameter.data /= 20  # levels without meaning are far apart
    for parameter in (ear.scales, ear.offsets):
        parameter.data += torch.randn_like(parameter)  # kinds of pairs differ
    ear.verdict.weight.data *= 10
    mean, variance = ear.norm.running_mean, ear.norm.running_var
    assert mean is not None
    assert variance is not None
    mean.add_(torch.randn(len(mean)))
    variance.mul_(1 + torch.rand(len(variance)))
    return settle(ear)


@torch.no_grad()
def judge(ear: Ear, told: Array, notes: Array) -> float:
    sounds = told.astype(np.float16)
    example = Example(sounds, notes[:, :3].astype(int), np.zeros(len(notes), int), ("one",))
    batch = Batch([example], [np.arange(len(notes))])
    batch.told[0] = torch.from_numpy(told.astype(np.float32))  # in full precision
    return float(ear(batch)[0])


def say(ears: list[Ear], told: Array, notes: Array) -> float:
    """The mean of what networks say."""
    return float(np.mean([judge(ear, told, notes) for ear in ears]))


def test_notes_are_described_by_the_rules(tmp_path: Path) -> None:
    notes, levels = draw(1)
    weights = tmp_path / "weights.mjs"
    write_weights(Taught([draw_network(1)], 0, 0, 1), weights)
    answer = ask(tmp_path, notes, levels, weights)
    wanted = describe(notes, levels)
    assert wanted.shape[1] == SPECTRA * BINS + BESIDES + TRAITS
    assert 0.01 < np.mean(wanted == -7) < 0.3, "the check sees what is beyond the highest pitch"
    assert 0.01 < np.mean(wanted[:, 400:474] > 0) < 0.3, "the check sees what sounds beside"
    # float32 holds 7 to half a millionth
    np.testing.assert_allclose(answer["told"], wanted, rtol=0, atol=1e-6)
    wrong = describe(np.roll(notes, 1, axis=0), levels)
    assert np.abs(wrong - wanted).max() > 1, "the check sees notes that changed places"


def test_the_networks_are_those_of_torch(tmp_path: Path) -> None:
    weights = tmp_path / "weights.mjs"
    for seed in (2, 3, 4):
        notes, levels = draw(seed)
        ears = [draw_network(seed), draw_network(10 + seed)]
        write_weights(Taught(ears, 0.5, -0.5, 1), weights)
        answer = ask(tmp_path, notes, levels, weights)

        told = np.array(answer["told"])
        wanted = say(ears, told, notes)
        # float32, and six digits in the file, of sums that a factor of ten multiplies
        assert abs(answer["verdict"] - wanted) < 1e-3
        assert answer["count"] == (2 if wanted >= 0.5 else 1)
        assert answer["perhaps"] == (2 if wanted >= -0.5 else 1)
        moved = notes + np.array([0, 0, 5, 0]) * (np.arange(60)[:, None] % 2)
        assert abs(say(ears, told, moved) - wanted) > 4e-3, "it sees pitches"
        ears[1].offsets.data += 0.2
        assert abs(say(ears, told, notes) - wanted) > 4e-3, "it sees weights"
