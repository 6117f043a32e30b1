"""Which variants are shipped: the rule, alone and in its table."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper

from export.example import EXAMPLE
from export.manifest import Manifest, ModelFile, Variant, sha256_of
from tests.whole_stand_in import write_models
from verify.bench import fidelity
from verify.bench.decide import SAME_NOTES, Fidelity, decide, judge
from verify.bench.measure import Comparison
from verify.bench.results import Bench, read, write
from verify.readme import write_decisions, write_times
from verify.runtimes.runners import RunnerError

FP32 = Fidelity("basicamt", "fp32", "a", 110_000, 100_000, 1.0, 1.0, 50, ("song",), ("wasm",))


def variant(name: str, compressed_bytes: int, f1: float) -> Fidelity:
    return replace(FP32, variant=name, compressed_bytes=compressed_bytes, f1=f1, recommended_for=())


def timed(name: str, *ratios: float, runtime: str = "chromium-wasm") -> Comparison:
    return Comparison(runtime, "basicamt", name, 1, 0.1, 2.0, ratios, 30.0)


@pytest.mark.parametrize(
    ("f1", "smaller", "times", "verdict"),
    [
        (1.0, True, [2.0], "fit"),
        (1.0, False, [0.8], "fit"),
        (1.0, False, [2.0, 0.8], "fit"),
        (1.0, False, [0.97], "no gain"),  # that is noise
        (1.0, False, [2.0], "no gain"),
        (1.0, False, [math.nan], "no gain"),
        (1.0, False, [], "no gain"),
        (1.0, True, [], "fit"),
        (SAME_NOTES, True, [0.5], "fit"),
        (SAME_NOTES - 1e-6, True, [0.5], "other notes"),
        (0.0, True, [0.5], "other notes"),
        (math.nan, True, [0.5], "other notes"),
    ],
)
def test_the_rule(f1: float, smaller: bool, times: list[float], verdict: str) -> None:
    assert judge(f1=f1, smaller=smaller, times=times) == verdict


def test_the_table_compares_round_by_round() -> None:
    files = [FP32, variant("fp16", 60_000, 0.999), variant("int8", 40_000, 0.95)]
    laps = [timed("fp32", 0.4, 0.8, 0.4), timed("fp16", 0.8, 1.6, 0.8)]
    rows = {row.fidelity.variant: row for row in decide(files, laps)}
    assert rows["fp32"].verdict == "reference"
    assert rows["fp16"].verdict == "shipped"
    assert rows["fp16"].times == {"chromium-wasm": 2.0}  # though the second round was slow for all
    assert rows["int8"].verdict == "other notes"
    assert rows["int8"].times == {}


def test_what_is_fit_but_not_shipped_says_so() -> None:
    rows = list(decide([FP32, variant("int8", 70_000, 0.999)], []))
    assert rows[1].verdict == "on demand"


def test_without_a_reference_nothing_is_judged() -> None:
    assert list(decide([variant("fp16", 60_000, 0.999)], [])) == []


def test_the_table_goes_where_the_others_go(tmp_path: Path) -> None:
    bench = Bench("2026-01-01T00:00+00:00", {"baseline": "plain", "rounds": "3"})
    bench.fidelity += [FP32, variant("int8", 40_000, 0.95)]
    bench.comparisons += [timed("fp32", 0.5), timed("int8", 1.0)]
    write(bench, tmp_path)
    assert read(tmp_path) == bench
    page = (tmp_path / "bench.html").read_text(encoding="utf-8")
    assert "not shipped: other notes" in page
    row = "| basicamt int8 | 110 000 | 40 000 | 2.00 – 2.00 | 0.950 | 1.000 | – |"
    assert f"{row} not shipped: other notes |" in list(write_decisions(bench))


def test_the_times_stand_side_by_side() -> None:
    bench = Bench("2026-01-01T00:00+00:00", {"baseline": "plain", "rounds": "3"})
    old = "chromium-wasm-1.18"
    bench.comparisons += [
        timed("control", 0.9, 1.0, 1.2),
        timed("fp32", 0.4, 0.5, 0.3),
        timed("int8", 1.0),
        timed("fp32", 0.6, runtime=old),
    ]
    assert list(write_times(bench)) == [
        f"| CPU time ÷ baseline | chromium-wasm | {old} |",
        "| --- | ---: | ---: |",
        "| basicamt fp32 | 0.40 (0.30 – 0.50) | 0.60 (0.60 – 0.60) |",
        "| basicamt control | 1.00 (0.90 – 1.20) | – |",
    ]


def make_file(folder: Path, variant: Variant, gain: float) -> ModelFile:
    """One pitch sounds as loud as the music times ``gain``."""
    audio = helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, 1, "samples"])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 84, "frames"])
        for name in ("onset", "frame")
    ]
    only = np.zeros((1, 84, 1), np.float32)
    only[:, 40] = gain
    nodes = [
        helper.make_node("MaxPool", ["audio"], ["loud"], kernel_shape=[512], strides=[512]),
        *(helper.make_node("Mul", ["loud", "only"], [name]) for name in ("onset", "frame")),
    ]
    graph = helper.make_graph(nodes, "g", [audio], outputs, [numpy_helper.from_array(only, "only")])
    path = folder / f"{variant}.onnx"
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    known = Manifest.read(write_models(folder / "known")).find("basicamt")
    return replace(
        known,
        variant=variant,
        path=path.name,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Four bursts of noise, at another rate than the models'."""
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, 2 * 22_050).astype(np.float32)
    silent = np.arange(samples.size) % 11_025 > 6_000
    samples[silent] = 0
    path = tmp_path / "song.wav"
    soundfile.write(path, np.stack([samples, np.zeros_like(samples)], axis=1), 22_050)
    return path


def test_the_notes_of_a_variant_are_compared_with_those_of_fp32(tmp_path: Path, song: Path) -> None:
    gains: dict[Variant, float] = {"fp32": 1.0, "fp16": 1.01, "int8": 0.0}
    files = {str(name): make_file(tmp_path, name, gain) for name, gain in gains.items()}
    rows = list(fidelity.measure(tmp_path, files, [song]))
    found = {row.variant: row.f1 for row in rows}
    assert found == {"fp32": 1.0, "fp16": 1.0, "int8": 0.0}
    assert {row.notes for row in rows} == {rows[0].notes}
    assert rows[0].notes >= 4
    assert rows[0].bytes == (tmp_path / "fp32.onnx").stat().st_size > rows[0].compressed_bytes > 0
    assert rows[0].recordings == ("song",)


@pytest.mark.parametrize(
    ("gains", "message"),
    [
        ({"fp32": 1.0, "fp16": math.nan}, "is not finite"),
        ({"fp32": 0.0, "fp16": 0.0}, "nothing to compare"),
        ({"fp16": 1.0}, "compared with fp32"),
    ],
)
def test_what_cannot_be_compared_is_an_error(
    gains: dict[Variant, float], message: str, tmp_path: Path, song: Path
) -> None:
    files = {str(name): make_file(tmp_path, name, gain) for name, gain in gains.items()}
    with pytest.raises(RunnerError, match=message):
        list(fidelity.measure(tmp_path, files, [song]))


def test_recordings_are_found(tmp_path: Path, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fidelity, "BESIDE", (tmp_path / "nowhere",))
    assert fidelity.find_recordings() == [EXAMPLE]
    monkeypatch.setattr(fidelity, "BESIDE", (tmp_path,))
    (tmp_path / "song.tsv").write_text("no music")
    assert fidelity.find_recordings() == [EXAMPLE, song]
    assert fidelity.find_recordings([song]) == [EXAMPLE, song]
    with pytest.raises(RunnerError, match="two recordings are called song"):
        fidelity.find_recordings([song, tmp_path])
    with pytest.raises(RunnerError, match="does not exist"):
        fidelity.find_recordings([tmp_path / "gone.wav"])
    with pytest.raises(RunnerError, match="cannot be read"):
        fidelity.read(tmp_path / "song.tsv")
