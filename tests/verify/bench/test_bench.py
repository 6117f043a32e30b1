"""The benchmark counts what a graph computes, and writes what it measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.manifest import FILE_NAME, Manifest
from tests.whole_stand_in import write_models
from verify.__main__ import main
from verify.bench import fidelity
from verify.bench.command import gather
from verify.bench.operations import count_multiply_adds
from verify.bench.results import Bench, Comparison, Cost, Start, read, write


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
    monkeypatch.setattr("verify.bench.operations.infer_shapes", lambda model: {})
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
    assert "| basicamt fp32 | 0.50 (0.40 – 0.60) |" in readme.read_text()
    assert "basicamt baseline" not in readme.read_text()
    assert "old" not in readme.read_text()


def test_an_unknown_runtime_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--runtimes", "netscape"]) == 2
    assert "no runtime netscape" in capsys.readouterr().err


def rename(file: Path, target: Path) -> None:
    """The same network under other names of its input and outputs."""
    model = onnx.load(file)
    names = {"audio": "waveform", "onset": "on", "frame": "sounding"}
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]
    for value in (*model.graph.input, *model.graph.output):
        value.name = names[value.name]
    onnx.save(model, target)


def test_files_with_other_names_are_a_baseline_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As upstream's may be: the file's name is what they share. One that lacks is told."""
    monkeypatch.setattr(fidelity, "BESIDE", ())
    ours, theirs, out = (tmp_path / name for name in ("ours", "theirs", "out"))
    write_models(ours)
    theirs.mkdir()
    rename(ours / "basicamt_44100.onnx", theirs / "basicamt_44100.onnx")
    command = ["bench", "--folder", str(ours), "--baseline", str(theirs), "--out", str(out)]
    command += ["--runtimes", "chromium-wasm", "--seconds", "1", "--rounds", "1", "--lengths", "1"]
    assert main([*command, "--quick"]) == 1  # for septimbre
    bench = read(out)
    assert bench is not None
    assert [row.name for row in bench.comparisons] == ["baseline", "control", "fp32"]
    assert all(row.ratio > 0 and row.multiply_adds for row in bench.comparisons)
    assert len(bench.failures) == 1
    assert "septimbre_44100.onnx is not there" in bench.failures[0]
    assert [row.verdict for row in bench.decisions] == ["reference", "reference"]
    assert any("left out of a quick run" in why for why in bench.absent)
    monkeypatch.setattr(fidelity, "measure", lambda *_: pytest.fail("listened twice"))
    assert main([*command, "--quick", "--models", "basicamt"]) == 0


def test_further_variants_join_those_of_the_folder(tmp_path: Path) -> None:
    shipped, more = write_models(tmp_path / "shipped"), write_models(tmp_path / "more")
    manifest = Manifest.read(more)
    fp32 = manifest.find("basicamt")
    path = more / "basicamt_44100.int8.onnx"
    path.write_bytes((more / fp32.path).read_bytes())
    int8 = replace(fp32, variant="int8", path=path.name)
    stranger = replace(int8, model="basicpitch")
    files = (*manifest.files, int8, stranger)
    (more / FILE_NAME).write_text(replace(manifest, files=files).to_json())
    gathered = gather(shipped, more)
    assert [file.variant for file in gathered.files] == ["fp32", "fp32", "int8"]
    assert (shipped / gathered.files[-1].path).samefile(path)
    assert gathered.files[:2] == Manifest.read(shipped).files == gather(shipped, None).files
