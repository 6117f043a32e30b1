"""A reference is believed before any runtime; what was found is cut out, and fails alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests import foreign_models as models
from tests import tiny_models
from verify.__main__ import main
from verify.bisect.cut import write_cut
from verify.bisect.search import UnplacedError, find_bad_node
from verify.bisect.witness import native_witness
from verify.cases.archive import write_npz
from verify.compare import Array
from verify.runtimes.runners import NativeRunner, Tensors

X = {"x": np.array([1, 2, 3], np.float32)}


class Off(NativeRunner):
    """A runtime whose sine, and what follows from it, is off."""

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        outputs = super().run(inputs)
        return {name: v + (name in ("sin", "y")) * np.float32(0.1) for name, v in outputs.items()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """x → exp → sin → y."""
    chain = [("Exp", "x", "exp"), ("Sin", "exp", "sin"), ("Identity", "sin", "y")]
    nodes = [helper.make_node(operator, [x], [y]) for operator, x, y in chain]
    return models.write(
        tmp_path / "a.onnx", nodes, [models.value("x", [3])], [models.value("y", [3])]
    )


def truth() -> Tensors:
    return {"y": np.sin(np.exp(X["x"]))}


def test_where_the_reference_and_the_runtime_agree_nothing_is_bad(file: Path) -> None:
    reference = {"y": truth()["y"] + np.float32(0.1)}
    with Off("full") as runner:
        assert find_bad_node(runner, file, X, reference=reference) is None
        assert find_bad_node(runner, file, X) is not None


def test_where_native_is_wrong_as_well_another_witness_is_asked(file: Path) -> None:
    with Off("full") as runner, Off("off") as native:
        assert find_bad_node(runner, file, X, native=native) is None, "both are wrong alike"
        found = find_bad_node(runner, file, X, native=native, reference=truth())
    assert found is not None
    assert (found.operator, found.position) == ("Sin", 1)


def test_where_no_witness_can_say_a_node_that_takes_what_is_given_is_named(
    tmp_path: Path, file: Path
) -> None:
    wrong = {"y": truth()["y"] + 1}
    with Off("full") as runner, pytest.raises(UnplacedError, match="no node can be named"):
        find_bad_node(runner, file, X, reference=wrong)
    single = models.write_unary(tmp_path / "b.onnx", "Sin")
    with NativeRunner("full") as runner:
        found = find_bad_node(runner, single, X, reference=wrong)
    assert found is not None
    assert (found.operator, found.position) == ("Sin", 0)
    assert "largest error" in found.fault


def test_a_node_cut_out_shows_the_fault_alone(tmp_path: Path) -> None:
    good = tiny_models.write(tmp_path / "good.onnx")
    bad = tiny_models.write(tmp_path / "bad.onnx", gain=0.51)
    noise = {"audio": np.random.default_rng(0).normal(0, 0.1, (1, 1, 3000)).astype(np.float32)}
    out = tmp_path / "cut" / "mul.onnx"
    with NativeRunner("full") as runner:
        found = find_bad_node(runner, bad, noise, good)
        assert found is not None
        assert found.innermost.place is not None
        inputs, expected = write_cut(found.innermost.place, native_witness(None), out)
        runner.load(out)
        made = runner.run(inputs)["scaled"]
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Mul"]
    assert [tensor.name for tensor in model.graph.initializer] == ["gain"]
    assert list(inputs) == ["level"]
    assert np.allclose(made / expected["scaled"], 0.51 / 0.5)
    words = ["--model", str(out), "--reference", str(out.with_suffix(".npz")), "--quiet"]
    words += ["--out", str(tmp_path / "report"), "--runtimes", "native-off"]
    assert main(words) == 1


def test_a_branch_is_cut_out_with_what_it_takes_from_outside(tmp_path: Path) -> None:
    graphs = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(operator, ["exp"], [f"{name}y"])],
            name,
            [],
            [models.value(f"{name}y", [3])],
        )
        for name, operator in (("then", "Log"), ("else", "Sin"))
    }
    nodes = [
        helper.make_node("Exp", ["x"], ["exp"]),
        helper.make_node("If", ["yes"], ["y"], **graphs),
    ]
    ports = [models.value("x", [3])], [models.value("y", [3])]
    file = models.write(tmp_path / "a.onnx", nodes, *ports, weights={"yes": np.array(True)})
    with Off("full") as runner:
        found = find_bad_node(runner, file, X)
        assert found is not None
        assert found.place is not None
        inputs, expected = write_cut(found.place, native_witness(None), tmp_path / "cut.onnx")
    assert list(inputs) == ["exp"]
    assert np.allclose(expected["y"], X["x"])


def test_the_command_says_how_to_file_it(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = tmp_path / "case.npz"
    write_npz(case, {**X, "y": truth()["y"] + np.float32(0.5)})
    words = ["bisect", str(file), "--runtime", "native-full"]
    assert main([*words, "--input", str(case)]) == 0
    assert main([*words, "--reference", str(case)]) == 1
    assert "no node can be named" in capsys.readouterr().out
    good = tmp_path / "good.onnx"
    nodes = onnx.load(file)
    nodes.graph.node[1].op_type = "Cos"
    good.write_bytes(nodes.SerializeToString())
    words += ["--input", str(case), "--against", str(good)]
    assert main(words) == 1
    assert "--cut OUT.onnx writes a file of this node alone" in capsys.readouterr().out
    out = tmp_path / "cut.onnx"
    assert main([*words, "--cut", str(out)]) == 1
    told = capsys.readouterr().out
    assert "onnxruntime 1." in told
    assert "hold this node alone, which shows the fault: largest error" in told
    assert f"--model {out} --reference {out.with_suffix('.npz')} --runtimes native-full" in told
    assert "github.com/microsoft/onnxruntime/issues" in told
