"""The library's streaming against the whole file, both on onnxruntime-web, without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import make_music
from tests.paths import TESTS
from tests.patience import PATIENCE_SECONDS
from web.assets import NODE_MODULES
from web.node import run_node

SCRIPT = TESTS / "js" / "streaming.js"
FRAME = 512
CHUNK = 48
"""Frames of a chunk; ears read 85 on either side, so a halo spans several chunks."""
ACTIVATION = 1e-5
EMBEDDING = 1e-4
"""The promise of fp32: sums in another order, then logarithms."""


def quiet_then_loud() -> NDArray[np.float32]:
    """The largest energies come last: every maximum and moment moves until the end."""
    audio = make_music(2.2)[0, 0]
    rising: NDArray[np.float32] = audio * np.linspace(1e-3, 1, audio.size, dtype=np.float32) ** 2
    return rising


def cases() -> dict[str, NDArray[np.float32]]:
    """Lengths around the borders of chunks and of frames, and signals that strain statistics."""
    music = make_music(2.4)[0, 0]
    lengths = [511, 4096, CHUNK * FRAME - 1, CHUNK * FRAME, CHUNK * FRAME + 1, 2 * CHUNK * FRAME]
    clips = {f"{length} samples": music[:length] for length in lengths}
    with_silence = music.copy()
    with_silence[FRAME * CHUNK : 3 * FRAME * CHUNK] = 0
    clips |= {
        "music": music,
        "quiet then loud": quiet_then_loud(),
        "silent in the middle": with_silence,
    }
    return clips


def run(models: Path, model: str, runs: list[str], cases: list[str]) -> list[list[dict[str, Any]]]:
    """Each case's findings in each run, which is ``onnxruntime`` or ``engine:WIDTH``."""
    names = ",".join(runs)
    printed = run_node(SCRIPT, models, model, names, *cases, limit_seconds=PATIENCE_SECONDS)
    found = [json.loads(line) for line in printed.splitlines()]
    assert [one["case"] for one in found] == cases * len(runs)
    return [found[start : start + len(cases)] for start in range(0, len(found), len(cases))]


@pytest.mark.parametrize("model", ["basicamt", "septimbre"])
def test_streamed_in_chunks_is_the_whole(models: Path, tmp_path: Path, model: str) -> None:
    if not NODE_MODULES.is_dir():
        pytest.skip("needs web/node_modules: `npm --prefix web ci`")
    arguments = []
    for name, audio in cases().items():
        audio.tofile(tmp_path / name)
        arguments.append(f"{tmp_path / name}:{CHUNK}")
    arguments.append(f"{tmp_path / 'music'}:1000")
    for found in run(models, model, ["onnxruntime", "engine:1"], arguments):
        for one in found:
            check(one, separated=model == "septimbre")
        assert max(one["notes"] for one in found) > 5
        assert max(one["provisional"] for one in found) > 0


def test_the_result_does_not_depend_on_how_many_chunks_run_at_a_time(
    models: Path, tmp_path: Path
) -> None:
    make_music(3.0)[0, 0].tofile(tmp_path / "music")
    runs = [f"engine:{width}" for width in (1, 2, 3, 4)]
    one, *others = run(models, "septimbre", runs, [f"{tmp_path / 'music'}:{CHUNK}"])
    assert one[0]["notes"] > 5
    assert all(other == one for other in others)


def test_the_result_does_not_depend_on_how_much_memory_there_is(
    models: Path, tmp_path: Path
) -> None:
    """Energies and what the encoder makes of them are computed again, features in more passes."""
    audio = make_music(8.0)[0, 0]
    audio.tofile(tmp_path / "music")
    case = f"{tmp_path / 'music'}:{CHUNK}"
    runs = ["onnxruntime", "engine:1", "engine:3"]
    cases = [case, *(f"{case}:{kept}" for kept in (100_000, 20_000))]
    for name, (much, *others) in zip(runs, run(models, "septimbre", runs, cases), strict=True):
        assert much["notes"] > 5
        assert much["passes"] == 2, "the spans come in two parts"
        # onnxruntime sums in another order where its matrices have another size.
        inexact = {"embedded", "embedding"} if name == "onnxruntime" else set()
        for one in others:
            check(one, separated=True)
            assert {key for key in one if one[key] != much[key]} - inexact == {"case", "passes"}
            assert one["passes"] > 3


def check(one: dict[str, Any], *, separated: bool) -> None:
    assert one["frames"] == one["expectedFrames"], one
    assert one["onset"] <= ACTIVATION, one
    assert one["frame"] <= ACTIVATION, one
    assert one["sameNotes"], one
    if separated and one["notes"] > 0:
        assert one["embedding"] <= EMBEDDING, one
        assert one["sameLabels"], one


def test_a_difference_would_be_seen() -> None:
    good = {"frames": 1, "expectedFrames": 1, "onset": 0.0, "frame": 0.0}
    good |= {"notes": 1, "sameNotes": True, "embedding": 0.0, "sameLabels": True}
    check(good, separated=True)
    for wrong in (
        {"frames": 2},
        {"onset": 2e-5},
        {"frame": "not a number"},
        {"sameNotes": False},
        {"embedding": 2e-4},
        {"sameLabels": False},
    ):
        with pytest.raises((AssertionError, TypeError)):
            check(good | wrong, separated=True)
