"""ONNX's node tests are fed whatever they hold, and sorted into whose fault it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verify.__main__ import main
from verify.cases.archive import CaseError
from verify.compare import Array
from verify.matrix import plan
from verify.matrix.records import Plan, Result, Verdict
from verify.runtimes.runners import NativeRunner, RunnerError, Tensors
from verify.suite import command
from verify.suite.collect import collect, subjects
from verify.suite.table import sort

FED = (
    "test_abs", "test_log", "test_castlike_FLOAT_to_BFLOAT16", "test_castlike_FLOAT_to_FLOAT8E5M2",
    "test_identity_opt", "test_identity_sequence", "test_nonzero_example", "test_string_concat",
    "test_sequence_insert_at_front", "test_reduce_min_empty_set",
    "test_qlinearmatmul_3D_uint8_float32", "test_isinf", "test_top_k", "test_loop16_seq_none",
)  # fmt: skip


@pytest.fixture(scope="module")
def tests() -> dict[str, Any]:
    """Onnx makes them all, or none: four seconds."""
    return {one.name: one for one in collect(["*"])}


@pytest.fixture(autouse=True)
def _once(tests: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(names: list[str]) -> list[Any]:
        return [tests[name] for name in names]

    monkeypatch.setattr(command, "collect", chosen)


def run(tmp_path: Path, *words: str) -> tuple[int, Any]:
    status = main(["onnx-suite", "--out", str(tmp_path / "report"), *words])
    return status, json.loads((tmp_path / "report" / "onnx-suite.json").read_text())


def test_every_test_can_be_fed(tests: dict[str, Any], tmp_path: Path) -> None:
    assert len(tests) > 1800
    assert [one for one in subjects(list(tests.values()), tmp_path) if isinstance(one, tuple)] == []


def test_no_such_test_is_said() -> None:
    with pytest.raises(CaseError, match="no test is called nonsense; there are"):
        collect(["nonsense"])


def test_every_kind_of_value_agrees_natively(tmp_path: Path) -> None:
    status, data = run(tmp_path, "--runtimes", "native-off", "--tests", *FED)
    assert status == 0
    assert data["status"]["native-off"] == dict.fromkeys(FED, "agrees"), data["message"]


def test_one_that_is_kept_is_judged_again(tmp_path: Path) -> None:
    run(tmp_path, "--runtimes", "native-off", "--tests", *FED[:6], "--keep", str(tmp_path / "kept"))
    words = [word for name in FED[:6] for word in ("--model", str(tmp_path / "kept" / name))]
    words += ["--runtimes", "native-off", "--quiet", "--tolerance", "1e-3"]
    assert main([*words, "--out", str(tmp_path / "again")]) == 0


class Off(NativeRunner):
    """A runtime with another logarithm, and none of two operators."""

    def __init__(self) -> None:
        super().__init__("off")
        self.name = "off"

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        outputs = super().run(inputs)
        if "indices" in outputs or "K" in inputs:
            raise RunnerError("off: crashed")
        return {name: value + np.float32(1) for name, value in outputs.items()}


def test_what_differs_is_told_from_what_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = [Plan("native-off", lambda: NativeRunner("off")), Plan("off", Off)]
    monkeypatch.setattr(plan, "plan", lambda *words, **more: (plans, []))
    status, data = run(tmp_path, "--tests", "test_log", "test_top_k", "test_momentum")
    assert status == 1
    lacks = "not supported"
    assert data["status"] == {
        "native-off": {"test_log": "agrees", "test_top_k": "agrees", "test_momentum": lacks},
        "off": {"test_log": "disagrees", "test_top_k": "failed", "test_momentum": lacks},
    }
    page = (tmp_path / "report" / "onnx-suite.md").read_text()
    assert "## 2: agrees in native-off, not in off" in page
    assert "- `test_top_k`: failed: off: crashed" in page
    assert "1 with other numbers than native-off has" in capsys.readouterr().out
    monkeypatch.setattr(plan, "plan", lambda *words, **more: (plans[:1], []))
    status, _ = run(tmp_path, "--tests", "test_log")
    assert status == 0


def test_a_cast_of_ours_that_is_lacking_is_our_limit() -> None:
    lacking = "web: could not load: Could not find an implementation for Cast(23)"
    verdict = Verdict(
        "test_abs_f4", "node test", "web", "test_data_set_0", "not supported", lacking
    )
    named = replace(verdict, model="test_cast_FLOAT_to_F4")
    other = replace(verdict, model="test_conv", message="Could not find an implementation for Conv")
    result = Result([verdict, named, other])
    table = sort(result, {"test_map": "x is a map_type"}, ["web"])
    assert table.status["web"] == {
        "test_map": "cannot feed",
        "test_abs_f4": "cannot feed",
        "test_cast_FLOAT_to_F4": "not supported",
        "test_conv": "not supported",
    }
    assert "## 2: this tool cannot feed web" in table.to_markdown()


def test_the_worst_data_set_counts() -> None:
    good = Verdict("test_a", "node test", "web", "test_data_set_0", "agrees", "")
    bad = replace(good, signal="test_data_set_1", status="disagrees", message="off")
    for order in ([good, bad], [bad, good]):
        assert sort(Result(order), {}, ["web"]).status["web"]["test_a"] == "disagrees"
