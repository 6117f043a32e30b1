"""A model in a process of its own may hang, crash or take all memory: it is named, no more."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests import foreign_models as models
from tests.patience import PATIENCE_SECONDS
from verify.runtimes.child import ChildRunner
from verify.runtimes.runners import HangError, LimitError, NotSupportedError, RunnerError
from verify.runtimes.session import Limits

X = {"x": np.array([-1, 0, 2], np.float32)}


@pytest.fixture(scope="module")
def child() -> Iterator[ChildRunner]:
    with ChildRunner("off", most_bytes=2**34) as runner:
        yield runner


def write_endless(path: Path) -> Path:
    """A loop of 2⁶² turns."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["v"], ["w"])],
        "body",
        [models.value("i", [], TensorProto.INT64), models.value("go", [], TensorProto.BOOL),
         models.value("v", [3])],
        [models.value("on", [], TensorProto.BOOL), models.value("w", [3])],
    )  # fmt: skip
    loop = helper.make_node("Loop", ["turns", "", "x"], ["y"], body=body)
    turns = {"turns": np.array(2**62)}
    return models.write(path, [loop], [models.value("x", [3])], [models.value("y", [3])], turns)


def test_it_gives_what_the_runtime_gives(child: ChildRunner, tmp_path: Path) -> None:
    child.load(models.write_unary(tmp_path / "a.onnx", "Relu"))
    assert child.run(X)["y"].tolist() == [0, 0, 2]
    assert child.versions["onnxruntime"]
    with pytest.raises(RunnerError, match="native-off: cannot run"):
        child.run({"x": np.zeros(3)})
    with pytest.raises(RunnerError, match=r"cannot load absent\.onnx: No such file"):
        child.load(tmp_path / "absent.onnx")


def test_what_it_lacks_is_told_apart(child: ChildRunner, tmp_path: Path) -> None:
    for name, opset in (("Nonsense", 19), ("Relu", 999)):
        path = tmp_path / f"{name}.onnx"
        x, y = models.value("x", [3]), models.value("y", [3])
        models.write(path, [helper.make_node(name, ["x"], ["y"])], [x], [y], opset=opset)
        with pytest.raises(NotSupportedError, match="native-off: cannot load"):
            child.load(path)


def test_a_model_that_takes_all_memory_is_named(child: ChildRunner, tmp_path: Path) -> None:
    shape = {"shape": np.array([2**42])}
    node = helper.make_node("ConstantOfShape", ["shape"], ["y"])
    child.load(models.write(tmp_path / "a.onnx", [node], [], [models.value("y", None)], shape))
    with pytest.raises(LimitError, match="native-off: cannot run"):
        child.run({})
    child.load(models.write_unary(tmp_path / "b.onnx", "Relu"))
    assert child.run(X)["y"].tolist() == [0, 0, 2]


def test_a_model_that_never_ends_is_stopped(tmp_path: Path) -> None:
    limits = Limits(start=PATIENCE_SECONDS, load=PATIENCE_SECONDS, run=0.5)
    with ChildRunner("full", limits=limits) as child:
        child.load(write_endless(tmp_path / "a.onnx"))
        with pytest.raises(HangError, match=r"native-full: hung: could not run within 0\.5 s"):
            child.run(X)
        with pytest.raises(RunnerError, match="no model is loaded"):
            child.run(X)


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (signal.SIGSEGV, RunnerError, r"the process crashed as it tried to run \(SIGSEGV\)"),
        (signal.SIGKILL, LimitError, "it took too much memory"),
    ],
)
def test_a_crash_is_named(
    number: signal.Signals, kind: type[RunnerError], message: str, tmp_path: Path
) -> None:
    file = models.write_unary(tmp_path / "a.onnx", "Relu")
    with ChildRunner("off") as child:
        child.load(file)
        assert child._child is not None
        os.kill(child._child.pid, number)
        child._child.wait()
        with pytest.raises(kind, match=message):
            child.run(X)
        child.load(file)
        assert child.run(X)["y"].tolist() == [0, 0, 2]


def test_sequences_optionals_strings_and_bfloat16_go_there_and_back(
    child: ChildRunner, tmp_path: Path
) -> None:
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, [3])
    sequence = helper.make_sequence_type_proto(tensor)
    ports = [helper.make_value_info(name, sequence) for name in "xy"]
    identity = helper.make_node("Identity", ["x"], ["y"])
    child.load(models.write(tmp_path / "sequence.onnx", [identity], ports[:1], ports[1:]))
    made = child.run({"x[]": np.array(2), "x[0]": X["x"], "x[1]": 2 * X["x"]})
    assert made["y[]"] == 2
    assert made["y[1]"].tolist() == [-2, 0, 4]
    assert list(child.run({"x[]": np.array(0)})) == ["y[]"]

    optional = helper.make_optional_type_proto(tensor)
    ports = [helper.make_value_info(name, optional) for name in "xy"]
    child.load(models.write(tmp_path / "optional.onnx", [identity], ports[:1], ports[1:]))
    assert child.run({"x[]": np.array(0)}) == {"y[]": 0}
    assert child.run(X)["y"].tolist() == [-1, 0, 2]

    child.load(models.write_unary(tmp_path / "words.onnx", "Identity", TensorProto.STRING))
    assert child.run({"x": np.array(["a", "é", ""])})["y"].tolist() == ["a", "é", ""]

    child.load(models.write_unary(tmp_path / "brain.onnx", "Identity", TensorProto.BFLOAT16))
    assert child.run(X)["y"].tolist() == [-1, 0, 2]
