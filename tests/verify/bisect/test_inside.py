"""A bad node is found inside functions and loops, in the iteration that is bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from verify.bisect.search import find_bad_node
from verify.runtimes.browser import RUNTIMES, BrowserRunner
from verify.runtimes.runners import NativeRunner

IN_CHROMIUM = pytest.param("chromium-wasm", marks=pytest.mark.browser)

OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("tiny", 1)]
LEVEL = helper.make_function(
    "tiny",
    "Level",
    ["value", "floor"],
    ["level"],
    [
        helper.make_node("Abs", ["value"], ["size"]),
        helper.make_node("Add", ["size", "floor"], ["guarded"]),
        helper.make_node("Log", ["guarded"], ["level"]),
    ],
    OPSETS[:1],
)
INPUTS = {"audio": np.array([[1, 2], [3, 4], [5, 0]], np.float32)}
"""Without its floor, the file is bad at the last value."""


def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def write(path: Path, *, loop: bool, floor: float = 0.0, state: bool = False) -> Path:
    """audio (3, 2) to its levels: all at once, or row by row, with a count of rows if ``state``."""
    call = helper.make_node("Level", ["row", "floor"], ["levels"], domain="tiny")
    constants = {"floor": floor, "one": 1.0}
    nodes = [helper.make_node("Level", ["audio", "floor"], ["out"], domain="tiny")]
    if loop:
        count = [helper.make_node("Add", ["before", "one"], ["after"])] if state else []
        body = helper.make_graph(
            [*count, call],
            "body",
            [*([value("before")] if state else []), value("row", 2)],
            [*([value("after")] if state else []), value("levels", 2)],
        )
        counts = (["one"], ["rows"]) if state else ([], [])
        taken, given = [*counts[0], "audio"], [*counts[1], "out"]
        nodes = [helper.make_node("Scan", taken, given, body=body, num_scan_inputs=1)]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("audio", "rows", 2)],
        [value("out", "rows", 2)],
        [numpy_helper.from_array(np.array(x, np.float32), name) for name, x in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=OPSETS, functions=[LEVEL], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("name", ["native-full", IN_CHROMIUM])
def test_the_node_inside_is_named(name: str, loop: bool, tmp_path: Path) -> None:
    file = write(tmp_path / "bad.onnx", loop=loop)
    runner = NativeRunner("full") if name == "native-full" else BrowserRunner(RUNTIMES[name])
    with runner:
        found = find_bad_node(runner, file, INPUTS)
    assert found is not None
    assert found.operator == ("Scan" if loop else "Level")
    assert found.inside is not None
    assert found.inside.operator == "Log"
    (given,) = found.inside.inputs
    assert (given.smallest, given.largest) == (0, 5)  # the last row: the others are in order
    assert f"inside it, Log {found.inside.node}: 1 of" in str(found)


def test_a_good_file_is_not_entered(tmp_path: Path) -> None:
    with NativeRunner("full") as runner:
        assert (
            find_bad_node(runner, write(tmp_path / "a.onnx", loop=True, floor=1e-6), INPUTS) is None
        )


def test_another_file_is_entered_too(tmp_path: Path) -> None:
    good = write(tmp_path / "good.onnx", loop=True, floor=1e-6)
    bad = write(tmp_path / "bad.onnx", loop=True, floor=1.0)
    with NativeRunner("full") as runner:
        found = find_bad_node(runner, bad, INPUTS, good)
    assert found is not None
    assert found.inside is not None
    assert found.inside.operator == "Add"


def test_a_loop_with_a_state_is_named_whole(tmp_path: Path) -> None:
    with NativeRunner("full") as runner:
        found = find_bad_node(runner, write(tmp_path / "a.onnx", loop=True, state=True), INPUTS)
    assert found is not None
    assert (found.operator, found.inside) == ("Scan", None)


def test_a_loop_that_the_good_file_has_not_is_named_whole(tmp_path: Path) -> None:
    good = write(tmp_path / "good.onnx", loop=False, floor=1e-6)
    with NativeRunner("full") as runner:
        found = find_bad_node(runner, write(tmp_path / "a.onnx", loop=True), INPUTS, good)
    assert found is not None
    assert (found.operator, found.inside) == ("Scan", None)


def write_branches(path: Path, floor: float) -> Path:
    """audio (3, 2): its level where the condition holds, else itself, which is never bad."""
    level = [
        helper.make_node("Abs", ["scaled"], ["size"]),
        helper.make_node("Add", ["size", "floor"], ["guarded"]),
        helper.make_node("Log", ["guarded"], ["level"]),
    ]
    same = [helper.make_node("Identity", ["scaled"], ["itself"])]
    inner = helper.make_node(
        "If",
        ["loud"],
        ["levels"],
        then_branch=helper.make_graph(level, "level", [], [value("level", "rows", 2)]),
        else_branch=helper.make_graph(same, "same", [], [value("itself", "rows", 2)]),
    )
    plain = helper.make_node("Log", ["floor"], ["unused"])  # bad in both, and never taken
    nodes = [
        helper.make_node("Mul", ["audio", "one"], ["scaled"]),
        helper.make_node("Greater", ["one", "nought"], ["loud"]),
        helper.make_node(
            "If",
            ["loud"],
            ["out"],
            then_branch=helper.make_graph([inner], "then", [], [value("levels", "rows", 2)]),
            else_branch=helper.make_graph([plain], "else", [], [value("unused")]),
        ),
    ]
    weights = {"floor": floor, "one": 1.0, "nought": 0.0}
    constants = [
        numpy_helper.from_array(np.array(number, np.float32), name)
        for name, number in weights.items()
    ]
    ports = [value("audio", "rows", 2)], [value("out", "rows", 2)]
    graph = helper.make_graph(nodes, "tiny", *ports, constants)
    model = helper.make_model(graph, opset_imports=OPSETS[:1], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


def test_the_branch_that_is_taken_is_entered(tmp_path: Path) -> None:
    with NativeRunner("full") as runner:
        found = find_bad_node(runner, write_branches(tmp_path / "a.onnx", 0.0), INPUTS)
        good = write_branches(tmp_path / "b.onnx", 1e-6)
        assert find_bad_node(runner, good, INPUTS) is None
        changed = write_branches(tmp_path / "c.onnx", 1.0)
        other = find_bad_node(runner, changed, INPUTS, good)
    for one, operator in ((found, "Log"), (other, "Add")):
        assert one is not None
        assert one.inside is not None
        assert one.inside.inside is not None
        assert (one.operator, one.inside.operator) == ("If", "If")
        assert one.inside.inside.operator == operator == one.innermost.operator
