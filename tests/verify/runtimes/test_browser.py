"""Real browsers give numpy's numbers, and every failure of one is named."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests import foreign_models, tiny_models
from verify.compare import Array, DisagreementError, Tolerance, compare
from verify.runtimes.browser import RUNTIMES, BrowserRunner
from verify.runtimes.driver import launch, webdriver
from verify.runtimes.runners import HangError, NotSupportedError, RunnerError
from verify.runtimes.session import NODE_MODULES, PAGE, Limits

pytestmark = pytest.mark.usefixtures("browsing")

TOLERANCES = dict.fromkeys(("onset", "frame"), Tolerance(5e-6, "as in test_verify_runners"))
FLOAT32 = dict.fromkeys(("onset", "frame"), "float32")
NEEDS_WEBKIT = pytest.mark.skipif(
    not webdriver.is_installed(), reason="needs WebKit's driver (make browsers), which is not here"
)
IN_PROC = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="finds the browser in /proc"
)
BROWSERS = ["chromium-wasm", pytest.param("webkit-wasm", marks=NEEDS_WEBKIT)]
"""One driven by Playwright, one by WebDriver."""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_models.write(tmp_path / "tiny.onnx")


@pytest.fixture(scope="module")
def runner(request: pytest.FixtureRequest, browsing: None) -> Iterator[BrowserRunner]:
    """One runtime, open for all tests that ask for it and do it no harm."""
    with BrowserRunner(RUNTIMES[request.param]) as opened:
        yield opened


THREE = ["chromium-wasm", "firefox-wasm", "chromium-wasm-1.18"]
"""Pytest gathers tests by the place of a parameter in its list: these come first in each."""
CHROMIUM = pytest.mark.parametrize("runner", ["chromium-wasm"], indirect=True)


def audio(length: int, seed: int = 0) -> dict[str, Array]:
    noise = np.random.default_rng(seed).normal(0, 0.1, (1, 1, length))
    return {"audio": noise.astype(np.float32)}


def check(runner: BrowserRunner, inputs: dict[str, Array]) -> None:
    compare(runner.run(inputs), tiny_models.run(inputs["audio"]), TOLERANCES, FLOAT32)


@pytest.mark.parametrize(
    "runner",
    [
        *THREE,
        "chromium-threads",
        "chromium-webgpu",
        "firefox-threads",
        "firefox-wasm-1.18",
        pytest.param("webkit-wasm", marks=NEEDS_WEBKIT),
        pytest.param("webkit-threads", marks=NEEDS_WEBKIT),
        pytest.param("webkit-wasm-1.18", marks=NEEDS_WEBKIT),
    ],
    indirect=True,
)
def test_runtime_agrees_with_numpy_for_several_models_and_lengths(
    runner: BrowserRunner, tiny: Path, tmp_path: Path
) -> None:
    name = runner.name
    other = tiny_models.write(tmp_path / "other.onnx", seed=1)
    runner.load(tiny)
    for length in (1, 512, 513, 5000):
        check(runner, audio(length))
    runner.load(other)
    with pytest.raises(DisagreementError):
        check(runner, audio(600))
    truth = tiny_models.run(audio(600)["audio"], seed=1)
    compare(runner.run(audio(600)), truth, TOLERANCES, FLOAT32)
    assert runner.versions["onnxruntime-web"].startswith("1.18" if "1.18" in name else "1.30")
    assert runner.versions[RUNTIMES[name].browser]
    assert ("adapter" in runner.versions) == ("webgpu" in name)
    assert ("nodes of tiny.onnx" in runner.versions) == ("webgpu" in name)


@CHROMIUM
def test_nan_and_infinity_travel_as_they_are(runner: BrowserRunner, tmp_path: Path) -> None:
    runner.load(tiny_models.write(tmp_path / "no_guard.onnx", epsilon=0.0, gain=0.0))
    frame = runner.run({"audio": np.zeros((1, 1, 1024), np.float32)})["frame"]
    assert np.isnan(frame).all()


@CHROMIUM
def test_sessions_stay_open_and_are_told_apart_by_their_content(
    runner: BrowserRunner, tmp_path: Path
) -> None:
    files = [tiny_models.write(tmp_path / f"{seed}.onnx", seed=seed) for seed in range(10)]
    for _ in range(2):
        for seed, file in enumerate(files):
            runner.load(file)
            truth = tiny_models.run(audio(600)["audio"], seed=seed)
            compare(runner.run(audio(600)), truth, TOLERANCES, FLOAT32)
    tiny_models.write(files[0], seed=1)  # the same name, another file
    runner.load(files[0])
    truth = tiny_models.run(audio(600)["audio"], seed=1)
    compare(runner.run(audio(600)), truth, TOLERANCES, FLOAT32)


def test_an_error_in_the_model_is_reported_and_the_next_load_starts_afresh(
    tiny: Path, tmp_path: Path
) -> None:
    broken = foreign_models.write_unary(tmp_path / "broken.onnx", "Nonsense")
    with BrowserRunner(RUNTIMES["chromium-wasm"]) as runner:
        with pytest.raises(NotSupportedError, match=r"chromium-wasm: could not load broken\.onnx"):
            runner.load(broken)
        with pytest.raises(RunnerError, match="no model is loaded"):
            runner.run(audio(10))
        runner.load(tiny)
        check(runner, audio(10))
        with pytest.raises(RunnerError, match="could not run wave"):
            runner.run({"wave": audio(10)["audio"]})


@pytest.mark.parametrize("runner", THREE, indirect=True)
def test_what_javascript_has_no_type_for_is_fed_or_refused_in_words(
    runner: BrowserRunner, tmp_path: Path
) -> None:
    old = runner.name.endswith("1.18")
    three = np.array([-1, 0, 2], np.float32)
    brain, half, eight = TensorProto.BFLOAT16, TensorProto.FLOAT16, TensorProto.FLOAT8E5M2
    for element, dtype in ((brain, "float32"), (half, "float16"), (eight, "float32")):
        path = tmp_path / f"{element}.onnx"
        if old and element == eight:
            continue  # it has no such type
        runner.load(foreign_models.write_unary(path, "Identity", element))
        made = runner.run({"x": three.astype(dtype)})["y"]
        assert made.dtype == dtype
        assert made.tolist() == three.tolist()
    words = np.array(["a", "é", ""])
    text = TensorProto.STRING
    runner.load(foreign_models.write_unary(tmp_path / "words.onnx", "Identity", text))
    assert runner.run({"x": words})["y"].tolist() == words.tolist()

    outside = foreign_models.write_outside(tmp_path / "outside.onnx")
    if old:
        with pytest.raises(NotSupportedError, match="weights outside the file are not"):
            runner.load(outside)
        return
    runner.load(outside)
    assert runner.run({"x": three})["y"].tolist() == [0, 2, 5]
    (tmp_path / "weights.bin").write_bytes(bytes(12))
    runner.load(outside)
    assert runner.run({"x": three})["y"].tolist() == three.tolist()

    sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [3]))
    ports = [helper.make_value_info(port, sequence) for port in "xy"]
    identity = helper.make_node("Identity", ["x"], ["y"])
    runner.load(foreign_models.write(tmp_path / "s.onnx", [identity], ports[:1], ports[1:]))
    with pytest.raises(NotSupportedError, match="no way to feed x, which is no tensor"):
        runner.run({"x[]": np.array(1), "x[0]": three})


OWN = "({ start, load, run, stream })"
"""What the page gives to its caller."""


def _page(folder: Path, run: str) -> dict[str, Path]:
    """Copy the page, its run() replaced; where it lies, as Session's ``mounts``."""
    shutil.copytree(PAGE, folder)
    script = (PAGE / "run.js").read_text(encoding="utf-8")
    assert script.count(OWN) == 1
    (folder / "run.js").write_text(script.replace(OWN, run))
    return {"runtimes/page": folder}


@pytest.mark.parametrize("name", BROWSERS)
@pytest.mark.parametrize(
    "run", ["() => new Promise(() => {})", "() => { while (true); }"], ids=["idle", "busy"]
)
def test_a_hang_is_cut_and_named(name: str, run: str, tiny: Path, tmp_path: Path) -> None:
    page = _page(tmp_path / "page", f"({{ start, load, run: {run} }})")
    limits = Limits(run=1)
    with BrowserRunner(RUNTIMES[name], mounts=page, limits=limits) as runner:
        runner.load(tiny)
        with pytest.raises(RunnerError, match=r"hung: could not run audio \[1, 1, 10\] within 1 s"):
            runner.run(audio(10))


@pytest.mark.parametrize("name", BROWSERS)
def test_a_page_that_throws_is_named(name: str, tiny: Path, tmp_path: Path) -> None:
    run = "async () => { throw new Error('planted') }"
    page = _page(tmp_path / "page", f"({{ start, load, run: {run} }})")
    with BrowserRunner(RUNTIMES[name], mounts=page) as runner:
        runner.load(tiny)
        with pytest.raises(RunnerError, match=r"could not run audio.*planted"):
            runner.run(audio(10))


def test_a_page_that_never_gets_ready_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<script>throw new Error('planted')</script>")
    runner = BrowserRunner(RUNTIMES["chromium-wasm"], mounts={"runtimes/page": page})
    with pytest.raises(RunnerError, match=r"could not start onnxruntime-web.*planted"), runner:
        pass


def test_a_missing_wasm_file_is_named(tiny: Path, tmp_path: Path) -> None:
    installed = NODE_MODULES / "onnxruntime-web"
    (tmp_path / "onnxruntime-web" / "dist").mkdir(parents=True)
    for name in ("package.json", "dist/ort.wasm.min.mjs", "dist/ort-wasm-simd-threaded.mjs"):
        shutil.copy(installed / name, tmp_path / "onnxruntime-web" / name)
    with (
        BrowserRunner(RUNTIMES["chromium-wasm"], node_modules=tmp_path) as runner,
        pytest.raises(RunnerError, match=r"ort-wasm-simd-threaded\.wasm was not found"),
    ):
        runner.load(tiny)


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    runner = BrowserRunner(RUNTIMES["firefox-wasm"], node_modules=tmp_path)
    with pytest.raises(RunnerError, match="onnxruntime-web is not installed; run `npm"), runner:
        pass


def test_a_browser_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None:
        raise launch.BrowserMissingError("chromium is not installed; `make browsers` gets it")

    monkeypatch.setattr(launch, "find", nothing)
    runner = BrowserRunner(RUNTIMES["chromium-wasm"])
    with pytest.raises(RunnerError, match="not installed; `make browsers`"), runner:
        pass


@IN_PROC
@pytest.mark.parametrize(
    ("name", "command", "problem"),
    [
        ("chromium-wasm", b"--remote-debugging-pipe", "closed"),
        pytest.param("webkit-wasm", b"WebKitWebProcess", "", marks=NEEDS_WEBKIT),
        pytest.param("webkit-wasm", b"WebKitWebDriver", "", marks=NEEDS_WEBKIT),
    ],
)
def test_a_browser_killed_half_way_is_a_failure_and_the_next_load_recovers(
    name: str, command: bytes, problem: str, tiny: Path
) -> None:
    with BrowserRunner(RUNTIMES[name], limits=Limits(run=30)) as runner:
        runner.load(tiny)
        check(runner, audio(10))
        found = [p for p in _descendants(os.getpid()) if command in _read_command(p)]
        assert found
        for process in found:
            os.kill(process, signal.SIGKILL)
        with pytest.raises(RunnerError, match=rf"{name}: could not run audio.*{problem}") as error:
            runner.run(audio(10))
        assert not isinstance(error.value, HangError)
        runner.load(tiny)
        check(runner, audio(10))


@IN_PROC
@NEEDS_WEBKIT
def test_nothing_is_left_of_webkit(tiny: Path) -> None:
    before = _descendants(os.getpid())
    with BrowserRunner(RUNTIMES["webkit-wasm"]) as runner:
        runner.load(tiny)
        assert [p for p in _descendants(os.getpid()) if b"MiniBrowser" in _read_command(p)]
    assert [p for p in _descendants(os.getpid()) if p not in before] == []


def test_webkit_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "platform", "linux")
    assert not webdriver.is_installed()
    with pytest.raises(launch.BrowserMissingError, match="webkit is not installed; `make"):
        webdriver.find()


def _read_command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it ended meanwhile
        return b""


def _descendants(process: int) -> list[int]:
    """This test's own child processes and theirs, so that no other browser is touched."""
    found = []
    with suppress(FileNotFoundError, ProcessLookupError):  # a thread or a process ends at any time
        for task in Path(f"/proc/{process}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                for child in (task / "children").read_text().split():
                    found += [int(child), *_descendants(int(child))]
    return found


def test_another_version_under_the_name_is_refused(tmp_path: Path) -> None:
    shutil.copytree(NODE_MODULES / "onnxruntime-web-1.18", tmp_path / "onnxruntime-web")
    package = tmp_path / "onnxruntime-web" / "package.json"
    package.write_text(package.read_text().replace('"version": "1.18.0"', '"version": "1.30.0"'))
    old = replace(RUNTIMES["chromium-wasm-1.18"], name="chromium-wasm", package="onnxruntime-web")
    runner = BrowserRunner(old, node_modules=tmp_path)
    with (
        pytest.raises(RunnerError, match=r"says that it is onnxruntime-web 1\.18\.0.*1\.30\.0"),
        runner,
    ):
        pass


def test_threads_that_are_not_there_are_named(tiny: Path, tmp_path: Path) -> None:
    """Isolation alone does not give them: WebKit may have no SharedArrayBuffer all the same."""
    page = _page(tmp_path / "page", OWN)
    index = page["runtimes/page"] / "index.html"
    index.write_text(f"<script>delete globalThis.SharedArrayBuffer</script>{index.read_text()}")
    runner = BrowserRunner(RUNTIMES["chromium-threads"], mounts=page)
    with pytest.raises(RunnerError, match=r"no threads: .* has no SharedArrayBuffer"), runner:
        pass


def test_webgpu_that_runs_on_the_cpu_is_refused(tiny: Path, tmp_path: Path) -> None:
    page = _page(tmp_path / "page", OWN)
    script = page["runtimes/page"] / "run.js"
    text = script.read_text()
    assert "executionProviders: [backend], logSeverityLevel" in text
    script.write_text(text.replace("[backend], logSeverityLevel", '["wasm"], logSeverityLevel'))
    with (
        BrowserRunner(RUNTIMES["chromium-webgpu"], mounts=page) as runner,
        pytest.raises(RunnerError, match=r"no node is on the GPU: \d+ on CPUExecutionProvider"),
    ):
        runner.load(tiny)


@CHROMIUM
def test_a_convolution_on_the_cpu_is_refused(runner: BrowserRunner, tmp_path: Path) -> None:
    """WebGPU has no convolution of integers; other nodes of this file it takes."""
    audio = helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, 1, "samples"])
    nodes = [
        helper.make_node("Abs", ["audio"], ["positive"], "positive"),
        helper.make_node("Cast", ["positive"], ["whole"], "whole", to=TensorProto.UINT8),
        helper.make_node("ConvInteger", ["whole", "kernel"], ["made"], "conv"),
        helper.make_node("Cast", ["made"], ["onset"], "wide", to=TensorProto.FLOAT),
    ]
    kernel = numpy_helper.from_array(np.ones((1, 1, 3), np.uint8), "kernel")
    onset = helper.make_tensor_value_info("onset", TensorProto.FLOAT, [1, 1, "frames"])
    graph = helper.make_graph(nodes, "g", [audio], [onset], [kernel])
    file = tmp_path / "whole.onnx"
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), file)
    runner.load(file)
    with (
        BrowserRunner(RUNTIMES["chromium-webgpu"]) as other,
        pytest.raises(RunnerError, match="conv is not on the GPU"),
    ):
        other.load(file)
