"""The command, from a checkpoint to files: their content, and its failures."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import pytest
import torch
from onnx.inliner import inline_local_functions
from rich.console import Console

from export.__main__ import _collect, main, print_table
from export.catalog import MODELS
from export.graph.constants import list_initializers, list_nodes
from export.layers.function import DOMAIN, VERSION
from export.load.bands import InBands
from export.manifest import FILE_NAME, Manifest, Variant, sha256_of
from export.prove import open_session
from export.variants import VARIANTS
from tests.conftest import make_music
from tests.paths import ROOT

LENGTHS = (1, 255, 256, 257, 511, 512, 513, 44_099, 44_100, 44_101)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory, exporting: None) -> Path:
    """A folder with a basicamt whose weights are random but not degenerate."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(7)
    network = MODELS["basicamt"].build().get_submodule("network")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.1, 1)
    torch.save(network.state_dict(), folder / "basicamt.pth")
    return folder


def export(checkpoints: Path, out: Path, *more: str) -> int:
    arguments = ["--checkpoints", str(checkpoints), "--out", str(out), "--models", "basicamt"]
    return main([*arguments, *more])


@pytest.fixture(scope="module")
def out(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "models"
    assert export(checkpoints, out, "--variants", *VARIANTS) == 0
    return out


def test_the_folder_holds_what_the_manifest_says(out: Path) -> None:
    manifest = Manifest.read(out)
    assert [(file.model, file.variant, file.stage) for file in manifest.files] == [
        *(("basicamt", variant, None) for variant in VARIANTS),
        ("basicamt", "fp32", "ears"),
        ("basicamt", "fp32", "notes"),
    ]
    assert {path.name for path in out.iterdir()} == {FILE_NAME, *manifest.hashes}
    for file in manifest.wholes:
        assert sha256_of(out / file.path) == file.sha256
        assert (out / file.path).stat().st_size == file.bytes
        assert file.parameters == 18_978
        assert file.error.keys() == {"onset", "frame"}
        assert "add 1.01e-08 in energy_norm" in file.guards
    assert max(manifest.find("basicamt").error.values()) < 1e-5


def test_the_graph_is_small_clean_and_readable_by_old_runtimes(out: Path) -> None:
    path = out / "basicamt_44100.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert path.stat().st_size <= 170_000  # upstream's has 469 190
    assert len(model.graph.node) <= 120
    nodes = [*list_nodes(inline_local_functions(model).graph)]
    operators = {node.op_type for node in nodes}
    assert not operators & {"ScatterND", "BatchNormalization", "CastLike", "Expand"}
    assert "Constant" not in {node.op_type for node in model.graph.node}
    assert model.ir_version <= 10
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 18), (DOMAIN, VERSION)]
    assert not model.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in nodes)
    assert not any(tensor.external_data for tensor in list_initializers(model.graph))
    assert all(node.name for node in list_nodes(model.graph))


def test_the_contract_of_names_and_shapes(out: Path) -> None:
    for file in Manifest.read(out).wholes:
        assert [(t.name, t.dtype, t.shape) for t in file.inputs] == [
            ("audio", "float32", (1, 1, "samples"))
        ]
        assert [(t.name, t.dtype, t.shape) for t in file.outputs] == [
            ("onset", "float32", (1, 84, "frames")),
            ("frame", "float32", (1, 84, "frames")),
        ]


def test_every_octave_is_heard_by_an_output(out: Path) -> None:
    """No node is dead: each leads to an output."""
    graph = onnx.load(out / "basicamt_44100.onnx").graph
    used = {name for node in list_nodes(graph) for name in node.input}
    bodies = [attribute.g for node in graph.node for attribute in node.attribute]
    ends = {value.name for part in (graph, *bodies) for value in part.output}
    assert all((used | ends).intersection(node.output) for node in list_nodes(graph))
    assert all(tensor.name in used for tensor in list_initializers(graph))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_file_computes_what_the_network_computes(
    variant: str, out: Path, checkpoints: Path
) -> None:
    network = MODELS["basicamt"].build().eval()
    state = torch.load(checkpoints / "basicamt.pth", weights_only=True)
    network.get_submodule("network").load_state_dict(state)
    network.double()
    session = open_session(out / Manifest.read(out).find("basicamt", variant).path)
    tolerance = {"fp32": 1e-5, "fp16": 5e-3}.get(variant, 0.3)  # 8 bits
    for length in LENGTHS:
        audio = make_music(2)[..., :length]
        with torch.no_grad(), InBands():
            truth = network(torch.from_numpy(audio).double())
        for ours, expected in zip(session.run(None, {"audio": audio}), truth, strict=True):
            assert ours.shape == expected.shape
            assert np.abs(ours - expected.numpy()).max() <= tolerance, length


def test_a_second_run_changes_nothing(
    out: Path, checkpoints: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert export(checkpoints, out, "--json") == 0
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert json.loads(capsys.readouterr().out)["fresh"] == []


def test_what_is_no_longer_made_leaves_the_manifest(out: Path) -> None:
    before = Manifest.read(out)
    entries = {file.path: file for file in before.files}
    assert _collect(entries, before, set()).files == before.files
    first = before.files[0]
    for old in (replace(first, variant=cast(Variant, "fp12")), replace(first, model="basicbmt")):
        assert _collect(entries | {old.path: old}, before, set()).files == before.files[1:]


def test_a_damaged_file_is_made_again_with_the_same_bytes(out: Path, checkpoints: Path) -> None:
    path = out / "basicamt_44100.notes.onnx"
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    assert export(checkpoints, out) == 0
    assert path.read_bytes() == good


def test_another_epsilon_is_recorded(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, "basicamt", replace(MODELS["basicamt"], stages=()))
    assert export(checkpoints, tmp_path, "--eps", "1e-12", "--variants", "fp32") == 0
    file = Manifest.read(tmp_path).find("basicamt")
    assert file.epsilon == 1e-12
    assert "add 1e-12 in energy_norm" in file.guards


def test_no_weights_says_which_two_ways_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.load.sources.BUNDLED", tmp_path)
    assert main(["--out", str(tmp_path / "models")]) == 2
    message = capsys.readouterr().err
    assert "CHECKPOINTS=DIR" in message
    assert "WEIGHTS=timbreamt" in message
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--checkpoints", "/nowhere"], "/nowhere is not a folder"),
        (["--weights", "mine"], "expected timbreamt or bundled"),
        (["--weights", "timbreamt", "--checkpoints", "."], "not both"),
    ],
)
def test_bad_use_is_one_line_and_status_2(
    arguments: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--out", str(tmp_path / "models")]) == 2
    assert expected in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "models").exists()


def test_an_empty_folder_of_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--checkpoints", str(tmp_path), "--out", str(tmp_path / "models")]) == 2
    assert "no checkpoint for basicamt" in " ".join(capsys.readouterr().err.split())


def test_a_broken_checkpoint_leaves_what_was_there(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: sha256_of(path) for path in out.iterdir()}
    (tmp_path / "basicamt.pth").write_bytes(b"<html>404</html>")
    assert export(tmp_path, out) == 2
    assert "a web page" in " ".join(capsys.readouterr().err.split())
    assert {path.name: sha256_of(path) for path in out.iterdir()} == before


def test_a_killed_run_leaves_no_half_written_file_and_the_next_gives_the_same_bytes(
    out: Path, checkpoints: Path, tmp_path: Path
) -> None:
    """In another process and folder, with other hashes and more threads."""
    folder = tmp_path / "elsewhere" / "models"
    command = [sys.executable, "-m", "export", "--checkpoints", str(checkpoints), "--quiet"]
    command += ["--models", "basicamt", "--variants", *VARIANTS, "--out", str(folder)]
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "2"}
    environment["OMP_WAIT_POLICY"] = "passive"  # a thread that waits leaves its core to others
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    while not folder.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(folder.glob("*.onnx"))
    assert not (folder / FILE_NAME).exists()
    subprocess.run(command, check=True, env=environment, cwd=ROOT)
    assert {path.name for path in folder.iterdir()} == {path.name for path in out.iterdir()}
    for path in out.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()


def test_a_lost_constant_stops_the_export(
    checkpoints: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Plant the fault in the simplifier: one epsilon becomes another."""
    from export.graph.simplify import simplify

    def corrupt(graph: onnx.ModelProto) -> onnx.ModelProto:
        model = simplify(graph)
        for tensor in model.graph.initializer:
            values = onnx.numpy_helper.to_array(tensor)
            if values.size == 1 and np.isclose(values, 1.01e-8, rtol=1e-3, atol=0).all():
                tensor.CopyFrom(onnx.numpy_helper.from_array(values * 2, tensor.name))
        return model

    monkeypatch.setattr("export.build.simplify", corrupt)
    assert export(checkpoints, tmp_path / "models", "--variants", "fp32") == 1
    message = " ".join(capsys.readouterr().err.split())
    assert "energy_norm, now 2.02e-08" in message
    assert "simplify" in message
    assert not list((tmp_path / "models").glob("*.onnx"))


def test_the_table_cuts_no_name_off(folder: Path) -> None:
    manifest = Manifest.read(folder / "models")
    log = io.StringIO()
    print_table(manifest, set(), Console(file=log, width=80))
    lines = [line.split() for line in log.getvalue().splitlines()[1:]]
    assert [words[0] for words in lines] == [file.path for file in manifest.files]
    assert all(words[-1] == "kept" for words in lines)
