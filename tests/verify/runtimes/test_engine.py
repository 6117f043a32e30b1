"""The engine as a runtime: what the manifest lists is what runs, and what is wrong is seen."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from export.example import read_example
from export.manifest import FILE_NAME, Manifest, sha256_of
from export.variants.engine import HEADER
from verify.bisect.stages import find_bad_stage
from verify.matrix import networks, plan, subjects
from verify.matrix.kept import hash_code
from verify.matrix.matrix import examine
from verify.matrix.records import Plan
from verify.matrix.signals import edges, select
from verify.publish.gate import PublishError, require_engine_passed
from verify.runtimes.engine import ENGINES, EngineRunner, NodeEngineRunner, find_parts
from verify.runtimes.runners import NativeRunner, RunnerError

SIGNALS = select(edges(), ["noise", "silence", "length-513"])


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """A folder of models of its own, to be changed."""
    folder = tmp_path / "models"
    manifest = Manifest.read(models)
    folder.mkdir()
    for name in (FILE_NAME, *manifest.hashes):
        shutil.copy(models / name, folder)
    return folder


def judge(
    folder: Path, checkpoints: Path, name: str, make: Callable[[], object] = NodeEngineRunner
) -> set[tuple[str, str]]:
    """The verdict on a model's engine, by how it was run."""
    manifest = Manifest.read(folder)
    files = subjects.choose(manifest, [name], ["fp32"])
    behind = networks.networks_of(manifest, checkpoints)
    wholes = subjects.deployed(folder, files, SIGNALS, behind)
    chosen = subjects.on_the_engine(folder, manifest, wholes)
    result = examine(chosen, [Plan("engine", make)])  # type: ignore[arg-type]
    return {(verdict.variant, verdict.status) for verdict in result.verdicts}


@pytest.mark.parametrize("name", ["basicamt", "septimbre"])
def test_in_node_it_agrees_whole_and_streamed(name: str, models: Path, checkpoints: Path) -> None:
    found = judge(models, checkpoints, name)
    assert found == {("engine", "agrees"), ("engine, streamed", "agrees")}


@pytest.mark.parametrize("runtime", ["chromium-engine", "chromium-engine-relaxed"])
def test_in_a_browser_it_agrees(runtime: str, models: Path, checkpoints: Path) -> None:
    found = judge(models, checkpoints, "septimbre", lambda: EngineRunner(ENGINES[runtime]))
    assert found == {("engine", "agrees"), ("engine, streamed", "agrees")}


def test_a_browser_gives_the_bytes_that_node_gives(models: Path) -> None:
    """True of the arithmetic without relaxed SIMD."""
    stage = models / Manifest.read(models).find_stages("basicamt")[0].path
    audio = np.linspace(-0.5, 0.5, 9000, dtype=np.float32).reshape(1, 1, -1) ** 3
    found = []
    for make in (NodeEngineRunner, lambda: EngineRunner(ENGINES["chromium-engine"])):
        with make() as runner:
            runner.load(stage)
            found.append(runner.run({"audio": audio}))
            assert len(runner.versions["engine"]) == 12
    assert {name: value.tobytes() for name, value in found[0].items()} == {
        name: value.tobytes() for name, value in found[1].items()
    }


def change_weights(folder: Path, at: int, by: float) -> None:
    """Change one number of a file, and make everything else right again."""
    manifest = Manifest.read(folder)
    path = folder / next(one.path for one in manifest.engines if one.model == "basicamt")
    data = path.read_bytes()
    floats = np.frombuffer(data[HEADER.size :], "<f4").copy()
    floats[at] += by
    magic, layout, count, _ = HEADER.unpack_from(data)
    header = HEADER.pack(magic, layout, count, zlib.crc32(floats.tobytes()))
    path.write_bytes(header + floats.tobytes())
    engines = tuple(
        replace(one, sha256=sha256_of(path)) if one.path == path.name else one
        for one in manifest.engines
    )
    text = json.dumps(asdict(replace(manifest, engines=engines)))
    (folder / FILE_NAME).write_text(text, encoding="utf-8")


def test_a_weight_that_is_wrong_is_a_verdict(folder: Path, checkpoints: Path) -> None:
    change_weights(folder, at=1000, by=0.05)
    assert ("engine", "disagrees") in judge(folder, checkpoints, "basicamt")


def test_a_file_that_was_changed_is_not_judged(folder: Path, checkpoints: Path) -> None:
    manifest = Manifest.read(folder)
    with (folder / manifest.modules[0].path).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(subjects.SubjectError, match="is not the file in the manifest"):
        judge(folder, checkpoints, "basicamt")
    stage = folder / manifest.find_stages("basicamt")[0].path
    with pytest.raises(RunnerError, match=r"relaxed\.wasm is not the manifest's file"):
        find_parts(stage, relaxed=True)
    with pytest.raises(RunnerError, match="is no stage"):
        find_parts(folder / manifest.find("basicamt").path, relaxed=False)


def test_damaged_weights_are_an_error_in_words(folder: Path) -> None:
    change_weights(folder, at=1000, by=0.05)
    manifest = Manifest.read(folder)
    path = folder / manifest.engines[0].path
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    damaged = replace(manifest.engines[0], sha256=sha256_of(path))
    text = json.dumps(asdict(replace(manifest, engines=(damaged, *manifest.engines[1:]))))
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    with NodeEngineRunner() as runner:
        runner.load(folder / manifest.find_stages("basicamt")[0].path)
        with pytest.raises(RunnerError, match="node-engine: could not run ears"):
            runner.run({"audio": np.zeros((1, 1, 600), np.float32)})


def test_only_the_engine_runs_what_is_for_it(models: Path, checkpoints: Path) -> None:
    manifest = Manifest.read(models)
    files = subjects.choose(manifest, ["basicamt"], ["fp32"])
    behind = networks.networks_of(manifest, checkpoints)
    wholes = subjects.deployed(models, files, SIGNALS, behind)
    chosen = [*wholes, *subjects.on_the_engine(models, manifest, wholes)]
    plans, _ = plan.plan(
        ["native-full", "node-engine", "torch-float32", "chromium-*"],
        [],
        networks=behind,
        installed=lambda name: True,
        brief=None,
        time_limit_seconds=60,
        webgpu="software",
    )
    taken = {
        one.name: {subject.variant for subject in chosen if one.takes(subject, subject.cases[0])}
        for one in plans
    }
    both = {"engine", "engine, streamed"}
    assert {name: found == both for name, found in taken.items()} == {
        name: "engine" in name for name in taken
    }
    assert NativeRunner("full").name in taken


def test_the_gate_asks_for_the_engine(models: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(models)
    digests = [d for one in manifest.engines for d in manifest.engine_digests(one.model).values()]
    assert len(set(digests)) == 2 * len(manifest.engines) > 0
    cell = {"status": "agrees", "signals": ["example", "silence"]}
    files = [{"sha256": one, "runtimes": {"node-engine": cell}} for one in digests]
    report = {"code": hash_code(), "files": files}
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    require_engine_passed(models, manifest, tmp_path)
    files.pop()
    path.write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(PublishError, match=r"engine, streamed .*is not what .* judged"):
        require_engine_passed(models, manifest, tmp_path)


def test_bisect_names_the_first_bad_stage(folder: Path) -> None:
    audio = {"audio": read_example(0.5)}
    with NodeEngineRunner() as runner:
        assert find_bad_stage(runner, folder, "basicamt", audio) is None
    change_weights(folder, at=1000, by=0.05)
    with NodeEngineRunner() as runner:
        found = find_bad_stage(runner, folder, "basicamt", audio)
    assert found is not None
    assert found.startswith("basicamt_44100.notes.onnx, output onset:")
