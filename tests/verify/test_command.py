"""The command judges, reports and exits as it promises, from file to HTML."""

from __future__ import annotations

import importlib.util
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.manifest import Manifest
from tests import tiny_models
from verify.__main__ import _COMMANDS, main
from verify.epsilon import command
from verify.matrix.notes import Transcription
from verify.matrix.plan import NAMES, plan
from verify.matrix.records import Case, Subject
from verify.matrix.subjects import SubjectError
from verify.runtimes.browser import RUNTIMES
from verify.runtimes.driver import launch
from verify.runtimes.runners import NativeRunner


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_models.write(tmp_path / "tiny.onnx")


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    audio = np.random.default_rng(0).normal(0, 0.1, (1, 1, 3000)).astype(np.float32)
    outputs = {name: v.astype(np.float32) for name, v in tiny_models.run(audio).items()}
    path = tmp_path / "noise.npz"
    np.savez(path, audio=audio, onset=outputs["onset"], frame=outputs["frame"])
    return path


def run(tmp_path: Path, *arguments: object) -> int:
    out = ("--out", str(tmp_path / "report"), "--quiet")
    return main([*map(str, arguments), *out])


@pytest.mark.usefixtures("browsing")
def test_a_good_file_passes_in_a_real_browser_and_the_report_says_so(
    tiny: Path, reference: Path, tmp_path: Path
) -> None:
    runtimes = "native-full,chromium-wasm"
    status = run(tmp_path, "--model", tiny, "--reference", reference, "--runtimes", runtimes)
    assert status == 0
    data = json.loads((tmp_path / "report" / "report.json").read_text())
    assert data["passed"] is True
    (file,) = data["files"]
    assert (file["passed"], len(file["sha256"])) == (True, 64)
    assert set(file["runtimes"]) == {"native-full", "chromium-wasm"}
    assert data["versions"]["runtimes"]["chromium-wasm"]["onnxruntime-web"] == "1.30.0"
    assert {"firefox-wasm", "torch-float32"} <= {entry["name"] for entry in data["left_out"]}
    page = (tmp_path / "report" / "index.html").read_text()
    assert "The same numbers everywhere." in page
    assert page.count("data:image/png;base64,") == 6
    assert not re.search(r"(src|href)=\"(?!data:|#)", page), "it must need nothing beside it"


def test_another_checkpoint_exits_1_and_every_report_is_red(
    tiny: Path, reference: Path, tmp_path: Path
) -> None:
    tiny_models.write(tiny, seed=1)
    status = run(tmp_path, "--model", tiny, "--reference", reference, "--runtimes", "native-*")
    assert status == 1
    data = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (data["passed"], data["files"][0]["passed"]) == (False, False)
    page = (tmp_path / "report" / "index.html").read_text()
    assert "2 of 2 comparisons do not agree." in page
    assert "leaves the tolerance" in page
    root = ET.parse(tmp_path / "report" / "junit.xml").getroot()
    suites = {suite.get("name"): suite for suite in root}
    assert suites["native-off"].get("failures") == "1"
    assert suites["native-off"].find("testcase/failure") is not None
    assert suites["firefox-wasm"].find("testcase/skipped") is not None


def test_nan_is_red_and_every_report_can_still_be_read(
    tiny: Path, reference: Path, tmp_path: Path
) -> None:
    tiny_models.write(tiny, epsilon=0.0, gain=0.0)
    silent = tmp_path / "silent.npz"
    zero = np.zeros((1, 1, 1024), np.float32)
    nan = np.full((1, 84, 2), np.nan, np.float32)
    np.savez(silent, audio=zero, onset=nan, frame=nan)
    assert run(tmp_path, "--model", tiny, "--reference", silent, "--runtimes", "native-off") == 1
    data = json.loads((tmp_path / "report" / "report.json").read_text())
    assert data["files"][0]["runtimes"]["native-off"]["worst"] is None
    assert "∞" in (tmp_path / "report" / "index.html").read_text()


def test_a_runtime_that_does_not_start_exits_2_and_is_reported(
    tiny: Path, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(browser: launch.BrowserName, bundled: str) -> None:
        raise launch.BrowserMissingError(f"{browser} is not installed")

    monkeypatch.setattr(launch, "find", nothing)
    arguments = ("--model", tiny, "--reference", reference, "--runtimes", "native-off,firefox-wasm")
    assert run(tmp_path, *arguments) == 2
    page = (tmp_path / "report" / "index.html").read_text()
    assert "not started" in page
    assert "firefox is not installed" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "absent.onnx"], "--model and --reference go together"),
        (["--model", "absent.onnx", "--reference", "r.npz"], "absent.onnx does not exist"),
        (["--folder", "absent"], "run `make export` first"),
        (["--model", "a", "--reference", "b", "--runtimes", "opera"], "no runtime is called opera"),
        (["--model", "a", "--reference", "b", "--without", "*"], "no runtime is left"),
        (["--model", "a", "--reference", "b", "--tolerance", "-1"], "must be finite and >= 0"),
        (["bisect", "absent.onnx", "--runtime", "native-off"], "absent.onnx does not exist"),
        (["bisect", "basicamt", "--folder", "absent", "--runtime", "native-off"], "make export"),
    ],
)
def test_a_mistake_is_one_line_and_exits_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if arguments[0] != "bisect":
        arguments = [*arguments, "--out", str(tmp_path / "report")]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "report").exists()


def test_an_archive_without_the_outputs_is_refused(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "inputs.npz"
    np.savez(archive, audio=np.zeros((1, 1, 9), np.float32))
    assert run(tmp_path, "--model", tiny, "--reference", archive) == 2
    assert "missing: onset, frame" in capsys.readouterr().err


@pytest.mark.parametrize("module", [*_COMMANDS.values()])
def test_every_command_is_there(module: str) -> None:
    assert importlib.util.find_spec(f"verify.{module}"), f"verify/{module} was moved"


def test_bisect_prints_the_node_and_exits_1(
    tiny: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny_models.write(tmp_path / "other.onnx", gain=0.51)
    words = ["bisect", str(other), "--against", str(tiny), "--runtime", "native-full"]
    assert main([*words, "--input", str(reference)]) == 1
    assert "node 4, Mul scale" in capsys.readouterr().out
    words = ["bisect", str(tiny), "--runtime", "native-full", "--signals", "tone,silence"]
    assert main(words) == 0
    assert "outputs agree on silence, tone" in capsys.readouterr().out


class TestPlan:
    """The runtimes that a command line means."""

    def choose(
        self, *wanted: str, without: tuple[str, ...] = (), webkit: bool = False
    ) -> list[str]:
        plans, left_out = plan(
            wanted,
            without,
            networks=None,
            installed=lambda browser: webkit,
            brief=frozenset(),
            time_limit_seconds=1,
            webgpu="software",
        )
        names = [plan.name for plan in plans]
        absent = {entry.name for entry in left_out}
        assert absent | set(names) >= set(NAMES), "what is not run is listed as left out"
        return names

    def test_by_default_all_that_this_machine_can_be_expected_to_have(self) -> None:
        names = self.choose()
        assert {"native-off", "native-full", "chromium-webgpu", "firefox-wasm-1.18"} <= set(names)
        assert not {"firefox-webgpu", "webkit-wasm", "torch-float32"} & set(names)
        assert "webkit-wasm" in self.choose(webkit=True)
        assert "webkit-engine-relaxed" not in self.choose(webkit=True)

    def test_a_software_adapter_is_spared_what_it_cannot_run(self) -> None:
        (chosen,), left_out = plan(
            ["chromium-webgpu"],
            [],
            networks=None,
            installed=lambda browser: True,
            brief=frozenset({"silence"}),
            time_limit_seconds=1,
            webgpu="software",
        )
        case = Case("silence", {}, {}, {})
        whole = Subject("m", "fp16", Path(), "", (case,))
        assert chosen.takes(whole, case)
        assert not chosen.takes(whole, replace(case, signal="example"))
        streamed = replace(whole, stream=Manifest((), {}))
        assert not chosen.takes(streamed, case)
        assert chosen.takes(streamed, replace(case, notes=Transcription((), ())))
        assert "chromium-webgpu, long signals" in {entry.name for entry in left_out}

    def test_what_is_asked_for_by_name_is_run_wherever_it_is(self) -> None:
        assert self.choose("webkit-wasm", "firefox-webgpu") == ["firefox-webgpu", "webkit-wasm"]

    def test_what_is_left_out_stays_out(self) -> None:
        assert self.choose("native-*", without=("*-off",)) == ["native-full"]

    def test_every_browser_has_every_backend(self) -> None:
        assert len(RUNTIMES) == 12

    def test_nothing_left_is_an_error(self) -> None:
        with pytest.raises(SubjectError, match="no runtime is left"):
            self.choose("native-off", without=("native-off",))


class TestEpsilon:
    """The laboratory sees every known loss."""

    @pytest.mark.usefixtures("exporting")
    def test_the_optimising_exporter_drops_and_ours_keeps(self) -> None:
        added, factors = command.ask_exporters()
        cells = {row.name.partition(",")[0]: row.cells for row in added.rows}
        ours = cells["this project's export"]
        assert set(ours) == {"exact"}
        drops = next(row.cells for row in added.rows if "optimize=True" in row.name)
        assert dict(zip(added.constants, drops, strict=True))["1.01e-8"] == "exact"
        assert dict(zip(added.constants, drops, strict=True))["1e-8"] == "dropped"
        assert next(row.cells for row in factors.rows if "optimize=True" in row.name) == (
            "dropped", "dropped", "exact", "exact",
        )  # fmt: skip

    def test_native_keeps_float32_and_loses_what_float16_cannot_hold(self) -> None:
        single, half = command.ask_runtimes([lambda: NativeRunner("full")], lambda name: None)
        assert set(single.rows[0].cells) == {"exact"}
        words = dict(zip(half.constants, half.rows[0].cells, strict=True))
        assert (words["6e-8"], words["1.01e-8"]) == ("rounded", "dropped")

    @pytest.mark.parametrize(
        ("value", "word"), [(-np.inf, "dropped"), (np.log(1e-6), "exact"), (-13.0, "-13.00")]
    )
    def test_words_for_what_came(self, value: float, word: str) -> None:
        values = {"c0": np.array([value], np.float32)}
        assert command.judge(values, ["1e-6"], added=True, half=False) == (word,)
