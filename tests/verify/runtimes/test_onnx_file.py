"""A model is read without leaving its folder, and what is hostile is refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests import foreign_models as models
from verify.runtimes.onnx_file import ModelFileError, read_onnx
from verify.runtimes.runners import NativeRunner, RunnerError

X = {"x": np.array([1, 1, 1], np.float32)}


def test_ports_are_what_a_runtime_takes(tmp_path: Path) -> None:
    file = models.write(
        tmp_path / "a.onnx",
        [helper.make_node("Add", ["x", "w"], ["y"])],
        [models.value("x", ["batch", 3, ""], TensorProto.BFLOAT16), models.value("w", [3])],
        [models.value("y", None, TensorProto.STRING)],
        {"w": np.zeros(3, np.float32)},
    )
    read = read_onnx(file)
    (given,), (made,) = read.inputs, read.outputs
    assert (given.name, given.dtype, given.shape) == ("x", "float32", ("batch", 3, "?"))
    assert (made.dtype, made.shape) == ("string", None)


def test_weights_outside_are_run_and_hashed(tmp_path: Path) -> None:
    file = models.write_outside(tmp_path / "a.onnx")
    before = read_onnx(file)
    assert [part.location for part in before.external] == ["weights.bin"]
    with NativeRunner("off") as runner:
        runner.load(file, before.sha256)
        assert runner.run(X)["y"].tolist() == [2, 3, 4]
        (tmp_path / "weights.bin").write_bytes(np.array([5, 6, 7], np.float32).tobytes())
        assert read_onnx(file).sha256 != before.sha256
        with pytest.raises(RunnerError, match="changed since it was chosen"):
            runner.load(file, before.sha256)
        runner.load(file)
        assert runner.run(X)["y"].tolist() == [6, 7, 8]
    assert onnx.numpy_helper.to_array(read_onnx(file).load().graph.initializer[0]).tolist() == [
        5,
        6,
        7,
    ]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"location": "../secret.bin"}, "leads out of its folder"),
        ({"location": "a/../../secret.bin"}, "leads out of its folder"),
        ({"location": "a\\..\\..\\secret.bin"}, "leads out of its folder"),
        ({"location": "/etc/passwd"}, "leads out of its folder"),
        ({"location": "C:\\weights.bin"}, "leads out of its folder"),
        ({"location": "\\\\host\\weights.bin"}, "leads out of its folder"),
        ({"location": "weights.bin\0"}, "leads out of its folder"),
        ({"location": ""}, "leads out of its folder"),
        ({"location": "link.bin"}, "is a link"),
        ({"location": "folder/secret.bin"}, "is a link"),
        ({"location": "."}, "where there is no file|leads out"),
        ({"location": "absent.bin"}, "where there is no file"),
        ({"location": "pipe"}, "where there is no file"),
        ({"location": "a" * 5000}, "where there is no file"),
        ({"length": "4398046511104"}, "up to byte 4,398,046,511,104, but it has 12"),
        ({"offset": "8"}, "up to byte 20, but it has 12"),
        ({"offset": "-8"}, "expected a number of bytes"),
        ({"length": "9" * 5000}, "expected a number of bytes"),
    ],
)
def test_weights_elsewhere_are_not_read(
    stated: dict[str, str], message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(12))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")  # reading it would never end
    file = models.write_outside(folder / "a.onnx", **stated)
    with pytest.raises(ModelFileError, match=message) as error:
        read_onnx(file)
    assert len(str(error.value).splitlines()) == 1
    with NativeRunner("off") as runner, pytest.raises(RunnerError, match=message):
        runner.load(file)


def test_more_weights_than_memory_are_refused_before_they_are_read(tmp_path: Path) -> None:
    file = models.write_outside(tmp_path / "a.onnx")
    os.truncate(tmp_path / "weights.bin", 2**43)  # sparse: it takes no room
    with pytest.raises(ModelFileError, match="over this machine's memory"):
        read_onnx(file)


def test_a_file_larger_than_any_is_not_read(tmp_path: Path) -> None:
    file = models.write_unary(tmp_path / "a.onnx", "Abs")
    os.truncate(file, 2**43)
    with NativeRunner("off") as runner, pytest.raises(RunnerError, match="larger than an"):
        runner.load(file)


def nest(depth: int) -> bytes:
    """A file of If in If in If: a graph's node's attribute's graph, as protobuf writes it."""
    part = b""
    for _ in range(depth):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # g of an attribute, attribute of a node, node
            part = tag + varint(len(part)) + part
    return b"\x3a" + varint(len(part)) + part


def varint(number: int) -> bytes:
    head = b""
    while number > 127:
        head, number = head + bytes([number & 127 | 128]), number >> 7
    return head + bytes([number])


@pytest.mark.parametrize("kind", ["text", "empty", "cut", "deep", "sparse", "absent", "folder"])
def test_what_is_no_model_is_said_in_one_line(kind: str, tmp_path: Path) -> None:
    file = models.write_unary(tmp_path / "a.onnx", "Abs")
    if kind == "text":
        file.write_text("not a model")
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "cut":
        file.write_bytes(file.read_bytes()[:-9])
    elif kind == "sparse":
        os.truncate(file, 2**43)
    elif kind == "deep":
        file.write_bytes(nest(1000))
    elif kind == "absent":
        file.unlink()
    else:
        file = tmp_path
    with pytest.raises(ModelFileError) as error:
        read_onnx(file)
    assert str(file) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    file = models.write_unary(tmp_path / "a.onnx", "Abs")
    model = onnx.load(file)
    model.graph.output[0].name = "\x1b]0;title\x07"
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="not a name"):
        read_onnx(file)


def test_a_graph_nested_a_little_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(nest(20))
    assert len(read_onnx(tmp_path / "a.onnx").model.graph.node) == 1
