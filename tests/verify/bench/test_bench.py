"""The benchmark writes what it measured, and goes on from there."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from export.manifest import FILE_NAME, Manifest
from tests.whole_stand_in import write_models
from verify.__main__ import main
from verify.bench import fidelity
from verify.bench.command import gather
from verify.bench.measure import Comparison
from verify.bench.results import Bench, read, write
from verify.readme import find_figures


def test_the_report_holds_what_was_measured(tmp_path: Path) -> None:
    ratios = (0.5, 0.4, 0.6)
    bench = Bench(
        made="2026-01-01T00:00+00:00",
        settings={"baseline": "plain", "rounds": "3"},
        comparisons=[
            Comparison("chromium-wasm", "basicamt", "fp32", 160_000, 0.1, 2.0, ratios, 30.0)
        ],
        failures=["firefox-wasm: <could not> start"],
    )
    assert bench.comparisons[0].ratio == 0.5
    write(bench, tmp_path / "report")
    page = (tmp_path / "report" / "bench.html").read_text(encoding="utf-8")
    assert "<b>0.50</b>" in page
    assert "&lt;could not&gt;" in page
    stored = json.loads((tmp_path / "report" / "bench.json").read_text(encoding="utf-8"))
    assert stored["comparisons"][0]["ratios"] == list(ratios)
    assert read(tmp_path / "report") == bench  # so that the next run goes on from here


def test_what_is_half_written_is_measured_again(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text('{"comparisons": [{"ratios"')
    assert read(tmp_path) is None


def test_the_readme_gets_what_was_measured(tmp_path: Path) -> None:
    assert find_figures(tmp_path, tmp_path) == {}
    bench = Bench("2026-01-01T00:00+00:00", {"baseline": "plain", "rounds": "3"})
    bench.comparisons += [
        Comparison("chromium-wasm", "basicamt", name, 1, 0.1, 2.0, (0.5, 0.4, 0.6), 30.0)
        for name in ("baseline", "fp32")
    ]
    write(bench, tmp_path)
    assert list(find_figures(tmp_path, tmp_path)["bench"]) == [
        "| CPU time ÷ baseline | chromium-wasm |",
        "| --- | ---: |",
        "| basicamt fp32 | 0.50 (0.40 – 0.60) |",
    ]


def test_an_unknown_runtime_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
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


@pytest.mark.usefixtures("browsing")
def test_files_with_other_names_are_a_baseline_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As upstream's may have: files match by name, and a missing one is reported."""
    monkeypatch.setattr(fidelity, "BESIDE", ())
    # Brotli takes eight seconds for each of the stand-ins, whose weights do not compress.
    monkeypatch.setattr("brotli.compress", zlib.compress)
    ours, theirs, out = (tmp_path / name for name in ("ours", "theirs", "out"))
    write_models(ours)
    theirs.mkdir()
    rename(ours / "basicamt_44100.onnx", theirs / "basicamt_44100.onnx")
    command = ["bench", "--folder", str(ours), "--baseline", str(theirs), "--out", str(out)]
    command += [
        "--runtimes",
        "chromium-wasm",
        "--seconds",
        "5",
        "--rounds",
        "1",
    ]  # 1 s took no time
    assert main([*command, "--quick"]) == 1  # for septimbre
    bench = read(out)
    assert bench is not None
    assert [row.name for row in bench.comparisons] == ["baseline", "control", "fp32"]
    assert all(len(row.ratios) == 1 for row in bench.comparisons)
    assert len(bench.failures) == 1
    assert "septimbre_44100.onnx is not there" in bench.failures[0]
    assert [row.verdict for row in bench.decisions] == ["reference", "reference"]
    assert any("left out of a quick run" in why for why in bench.absent)
    monkeypatch.setattr(fidelity, "measure", lambda *_: pytest.fail("measured twice"))
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
