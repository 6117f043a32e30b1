"""A reference is made on inputs of the model's own shapes, and says whose word it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests import foreign_models as models
from verify.cases.against import open_against
from verify.cases.archive import CaseError
from verify.cases.make import make_cases, read_shapes, write_case
from verify.cases.stored import StoredCase, read_case
from verify.runtimes.onnx_file import OnnxFile, read_onnx
from verify.runtimes.runners import NativeRunner


def make(file: OnnxFile, *shapes: str) -> tuple[dict[str, StoredCase], dict[str, str]]:
    with NativeRunner("off") as runner:
        runner.load(file.path)
        cases, problems = make_cases(file, runner.run, read_shapes(shapes))
    return {case.name: case for case in cases}, problems


def test_floats_get_ordinary_and_broken_values(tmp_path: Path) -> None:
    file = read_onnx(models.write_unary(tmp_path / "a.onnx", "Log"))
    cases, problems = make(file)
    assert list(cases) == ["seeded", "zeros", "ones", "nan", "inf", "minus-inf"]
    assert not problems
    assert cases["zeros"].expected == {"y": "nonfinite"}  # log 0
    assert np.isnan(cases["nan"].inputs["x"]).sum() == 1
    assert cases["ones"].expected == {}
    again, _ = make(file)
    assert np.array_equal(again["seeded"].inputs["x"], cases["seeded"].inputs["x"])


@pytest.mark.parametrize("element", [TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING])
def test_what_has_no_nan_gets_none(element: int, tmp_path: Path) -> None:
    file = read_onnx(models.write_unary(tmp_path / "a.onnx", "Identity", element))
    cases, _ = make(file)
    assert list(cases) == ["seeded", "zeros", "ones"]


def test_open_dimensions_grow_until_the_model_runs(tmp_path: Path) -> None:
    pool = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[100])
    ports = models.value("x", ["batch", 1, "samples"]), models.value("y", None)
    file = read_onnx(models.write(tmp_path / "a.onnx", [pool], ports[:1], ports[1:]))
    cases, _ = make(file)
    assert cases["seeded"].inputs["x"].shape == (1, 1, 512)
    cases, _ = make(file, "x=2x1x300")
    assert cases["seeded"].inputs["x"].shape == (2, 1, 300)
    with pytest.raises(CaseError, match=r"no reference can be made.*--shape NAME="):
        make(file, "x=1x1x8")
    with pytest.raises(CaseError, match="has no such input"):
        make(file, "y=1x1x8")
    with pytest.raises(CaseError, match="expected NAME="):
        make(file, "x=wide")


def test_what_is_made_can_be_kept(tmp_path: Path) -> None:
    file = read_onnx(models.write_unary(tmp_path / "a.onnx", "Log"))
    cases, _ = make(file)
    kept = read_case(write_case(cases["zeros"], tmp_path / "folder"), file)
    assert kept.expected == {"y": "nonfinite"}
    assert np.array_equal(kept.outputs["y"], cases["zeros"].outputs["y"])


NET = """
import torch
class Net(torch.nn.Module):
    def forward(self, x): return torch.log(x)
def build(): return Net()
def fail(): raise RuntimeError("no weights\\nat all")
def nothing(): return 3
"""


def test_a_torch_module_says_it_in_float64(tmp_path: Path) -> None:
    net = tmp_path / "net.py"
    net.write_text(NET)
    file = read_onnx(models.write_unary(tmp_path / "a.onnx", "Log"))
    with open_against(f"{net}:build", file) as runner:
        runner.load(file.path)
        cases, _ = make_cases(file, runner.run, {})
    seeded = cases[0]
    assert seeded.outputs["y"].dtype == np.float64
    assert seeded.dtypes == {"y": "float32"}
    for words, message in {
        "net.py": "expected FILE.py:FUNCTION",
        f"{tmp_path}/absent.py:build": "does not exist",
        f"{net}:absent": "failed: AttributeError",
        f"{net}:fail": "failed: RuntimeError: no weights$",
        f"{net}:nothing": "returned int",
    }.items():
        with pytest.raises(CaseError, match=message):
            open_against(words, file)
