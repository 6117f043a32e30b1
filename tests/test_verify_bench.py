"""The benchmark counts what a graph computes, and writes what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from verify.__main__ import main
from verify.bench_results import Bench, Comparison, Cost, Start, read, write
from verify.operations import count_multiply_adds


def make_file(path: Path, taps: int) -> Path:
    """A convolution of stride 2 by a kernel that is the product of two stored matrices."""
    left, right = np.ones((3, 2), np.float32), np.ones((2, taps), np.float32)
    shape = np.array([3, 1, taps])
    nodes = [
        helper.make_node("MatMul", ["left", "right"], ["product"], "constant"),
        helper.make_node("Reshape", ["product", "shape"], ["kernel"], "shaped"),
        helper.make_node("Conv", ["audio", "kernel"], ["y"], "conv", strides=[2]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, 1, "samples"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, "frames"])],
        [
            numpy_helper.from_array(array, name)
            for name, array in {"left": left, "right": right, "shape": shape}.items()
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


@pytest.mark.parametrize("taps", [2, 4])
def test_multiply_adds_are_counted_without_constants(taps: int, tmp_path: Path) -> None:
    counted = count_multiply_adds(make_file(tmp_path / "conv.onnx", taps))
    assert counted == pytest.approx(44_100 / 2 * 3 * taps, rel=1e-4)


def test_a_run_shows_the_shapes_that_inference_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make_file(tmp_path / "conv.onnx", 4)
    inferred = count_multiply_adds(file)
    monkeypatch.setattr("verify.operations.infer_shapes", lambda model: {})
    assert count_multiply_adds(file) == pytest.approx(inferred, rel=1e-4)


def test_the_report_holds_what_was_measured(tmp_path: Path) -> None:
    ratios = (0.5, 0.4, 0.6)
    bench = Bench(
        made="2026-01-01T00:00+00:00",
        settings={"baseline": "plain", "rounds": "3"},
        peak_gflops={"chromium-wasm": 20.0},
        comparisons=[
            Comparison("chromium-wasm", "basicamt", "fp32", 160_000, 0.1, 2.0, ratios, 150e6, 30.0)
        ],
        starts=[Start("chromium-wasm", "basicamt", 10.0, 2.0, 0.1, 1.0, 0.5, 2**27)],
        costs=[Cost("basicamt", 18_978, 380e6), Cost("basicpitch", 56_517, 760e6)],
        failures=["firefox-wasm: <could not> start"],
    )
    assert bench.comparisons[0].ratio == 0.5
    assert bench.comparisons[0].gflops == pytest.approx(4.5)
    write(bench, tmp_path / "report")
    page = (tmp_path / "report" / "bench.html").read_text(encoding="utf-8")
    assert "<b>0.50</b>" in page
    assert "128 MiB" in page
    assert "&lt;could not&gt;" in page
    stored = json.loads((tmp_path / "report" / "bench.json").read_text(encoding="utf-8"))
    assert stored["comparisons"][0]["ratios"] == list(ratios)
    assert "half of basicpitch" in page
    assert read(tmp_path / "report") == bench  # so that the next run goes on from here


def test_what_is_half_written_is_measured_again(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text('{"comparisons": [{"ratios"')
    assert read(tmp_path) is None


def test_the_readme_gets_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("# x\n<!-- bench en -->\nold\n<!-- end -->\n")
    command = ["bench", "--out", str(tmp_path), "--readme", str(readme)]
    assert main(command) == 2
    assert "run `make bench` first" in capsys.readouterr().err
    bench = Bench("2026-01-01T00:00+00:00", {})
    bench.comparisons += [
        Comparison("chromium-wasm", "basicamt", name, 1, 0.1, 2.0, (0.5, 0.4, 0.6), 150e6, 30.0)
        for name in ("baseline", "fp32")
    ]
    write(bench, tmp_path)
    assert main(command) == 0
    assert "| chromium-wasm | basicamt fp32 | 0.50 | 0.40 – 0.60 | 150 |" in readme.read_text()
    assert "basicamt baseline" not in readme.read_text()
    assert "old" not in readme.read_text()


def test_an_unknown_runtime_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--runtimes", "netscape"]) == 2
    assert "no runtime netscape" in capsys.readouterr().err
