"""Where bars begin, in node, compared with the rule written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.paths import ROOT
from tests.patience import PATIENCE_SECONDS
from web.node import run_node

SCRIPT = """
import { readFileSync } from "node:fs";
import { accentsOf, findBars } from "%s";
const { notes, beats } = JSON.parse(readFileSync(process.argv[1], "utf8"));
console.log(JSON.stringify({ accents: accentsOf(notes, beats), ...findBars(notes, beats) }));
""" % (ROOT / "web" / "lib" / "notes" / "bars.js").as_uri()  # noqa: UP031 (braces are the script's)

Array = NDArray[np.float64]


def draw(seed: int, meter: int, first: int) -> tuple[Array, Array]:
    """Notes (start, end, pitch, velocity) anywhere, and beats; a chord at the first of each bar."""
    rng = np.random.default_rng(seed)
    beats = 0.3 + np.cumsum(rng.uniform(0.4, 0.6, 32))
    start = rng.uniform(0, beats[-1] + 1, 90)
    any_notes = [
        (s, s + rng.uniform(0.1, 1), rng.integers(50, 90), rng.uniform(0.3, 1)) for s in start
    ]
    bars = [
        (at + rng.normal(0, 0.01), at + 1.5, rng.integers(36, 48) + k, 0.8)
        for at in beats[first::meter]
        for k in (0, 12)
    ]
    return np.array([*any_notes, *bars], float), beats


def accents(notes: Array, beats: Array) -> Array:
    """One for each beat but the last."""
    gaps = np.diff(beats)
    edges = beats[:-1] - 0.2 * gaps
    last = beats[-1] - 0.2 * gaps[-1]
    rows, chroma = [], np.zeros((len(gaps), 12))
    for i, gap in enumerate(gaps):
        until = edges[i + 1] if i + 1 < len(gaps) else last
        own = notes[(notes[:, 0] >= edges[i]) & (notes[:, 0] < until)]
        np.add.at(chroma[i], own[:, 2].astype(int) % 12, own[:, 3])
        near = own[own[:, 0] < beats[i] + 0.2 * gap]
        lengths = (near[:, 1] - near[:, 0]) / gap
        rows.append(
            (
                np.sqrt(near[:, 3].sum()),
                -min(near[:, 2], default=90),
                np.log1p(max(lengths, default=0)),
            )
        )
    unit = chroma / np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)
    change = 1 - (unit[1:] * unit[:-1]).sum(1)
    kinds = np.column_stack([np.array(rows), np.insert(change, 0, change.mean())])
    summed: Array = ((kinds - kinds.mean(0)) / (kinds.std(0) + 1e-9)).sum(1)
    return summed


def strength(values: Array, meter: int, first: int) -> float:
    on = np.arange(len(values)) % meter == first
    apart = values[on].mean() - values[~on].mean()
    return float(apart * np.sqrt(on.sum() * (~on).sum() / len(values)))


@pytest.mark.parametrize(("meter", "first"), [(3, 2), (4, 1)])
def test_bars_are_found_by_the_rule(meter: int, first: int, tmp_path: Path) -> None:
    notes, beats = draw(10 * meter, meter, first)
    names = ("start", "end", "pitch", "velocity")
    rows = [dict(zip(names, note, strict=True)) for note in notes.tolist()]
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"notes": rows, "beats": beats.tolist()}))
    printed = run_node("--input-type=module", "-e", SCRIPT, request, limit_seconds=PATIENCE_SECONDS)
    answer: dict[str, Any] = json.loads(printed)
    wanted = accents(notes, beats)
    np.testing.assert_allclose(answer["accents"], wanted, rtol=0, atol=1e-6)
    late = accents(notes + np.array([0.1, 0.1, 0, 0]), beats)
    assert np.abs(late - wanted).max() > 0.1, "the check sees notes that are late"
    choices = [(m, k) for m in (3, 4) for k in range(m)]
    best = max(choices, key=lambda one: strength(wanted, *one))
    assert (answer["meter"], answer["first"]) == best == (meter, first)
