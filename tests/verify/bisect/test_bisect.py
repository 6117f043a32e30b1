"""The first bad node is found, with its inputs and its origin, for every planted fault."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests import tiny_models
from verify.bisect.expose import expose, tensor_names
from verify.bisect.search import BisectError, find_bad_node
from verify.compare import Array
from verify.runtimes.browser import RUNTIMES, BrowserRunner
from verify.runtimes.runners import NativeRunner, Runner, RunnerError, Tensors

IN_CHROMIUM = pytest.param("chromium-wasm", marks=pytest.mark.browser)

NOISE = {"audio": np.random.default_rng(0).normal(0, 0.1, (1, 1, 3000)).astype(np.float32)}
SILENCE = {"audio": np.zeros((1, 1, 3000), np.float32)}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return tiny_models.write(tmp_path / "good.onnx")


@pytest.fixture(params=["native-full", IN_CHROMIUM])
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "native-full":
        return NativeRunner("full")
    return BrowserRunner(RUNTIMES[request.param])


def test_a_good_file_has_no_bad_node(good: Path) -> None:
    with NativeRunner("full") as runner:
        assert find_bad_node(runner, good, NOISE) is None
        assert find_bad_node(runner, good, SILENCE, good) is None


def test_a_removed_epsilon_is_found_at_the_logarithm(runner: Runner, tmp_path: Path) -> None:
    file = tiny_models.write(tmp_path / "no_epsilon.onnx", epsilon=0.0, gain=0.0)
    with runner:
        found = find_bad_node(runner, file, SILENCE)
    assert found is not None
    assert (found.operator, found.position) == ("Log", 3)
    assert found.output is not None
    assert found.output.nonfinite == 84 * 6
    assert (found.inputs[0].smallest, found.inputs[0].largest) == (0, 0)
    assert "not finite" in found.fault
    assert "weights filters before it" in found.origin


def test_a_changed_weight_is_found_in_its_layer(runner: Runner, good: Path, tmp_path: Path) -> None:
    file = tiny_models.write(tmp_path / "other.onnx", seed=1)
    with runner:
        found = find_bad_node(runner, file, NOISE, good)
    assert found is not None
    assert (found.operator, found.position) == ("Conv", 0)
    assert found.origin == "weights filters"
    assert found.reference is not None
    assert "should give bands 1x84x6" in str(found)


def test_a_changed_scalar_is_found_in_the_middle(good: Path, tmp_path: Path) -> None:
    file = tiny_models.write(tmp_path / "other.onnx", gain=0.501)
    with NativeRunner("off") as native:
        found = find_bad_node(native, file, NOISE, good)
    assert found is not None
    assert (found.node, found.operator) == ("scale", "Mul")
    assert [value.name for value in found.inputs] == ["level", "gain"]


def test_a_logarithm_in_float16_is_found(runner: Runner, tmp_path: Path) -> None:
    good = tiny_models.write(tmp_path / "good.onnx", epsilon=1.01e-8)
    file = tiny_models.write(tmp_path / "half.onnx", epsilon=1.01e-8, half_log=True)
    with runner:
        found = find_bad_node(runner, file, SILENCE, good)
    assert found is not None
    assert found.output is not None
    assert (found.operator, found.output.name) == ("Log", "level16")
    assert found.inputs[0].largest == 0, "1.01e-8 is no number of float16"


class Fused(NativeRunner):
    """A runtime whose fault shows only while it may fuse: few tensors are exposed."""

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        outputs = super().run(inputs)
        if len(outputs) > 4:
            return outputs
        after = ("level", "scaled", "frame", "rise", "onset")
        return {name: value + 1 if name in after else value for name, value in outputs.items()}


def test_a_fault_that_hides_when_all_is_exposed_is_found_by_halving(good: Path) -> None:
    with Fused("full") as runner:
        found = find_bad_node(runner, good, NOISE)
    assert found is not None
    assert found.output is not None
    assert (found.operator, found.output.name) == ("Log", "level")
    assert [value.name for value in found.inputs] == ["guarded"]


class Stops(NativeRunner):
    """A runtime that dies in the logarithm and after it."""

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        outputs = super().run(inputs)
        if {"level", "scaled", "frame", "rise", "onset"} & set(outputs):
            raise RunnerError("stops: memory access out of bounds")
        return outputs


def test_a_runtime_that_stops_is_searched_for_the_node_where_it_does(good: Path) -> None:
    with Stops("full") as runner:
        found = find_bad_node(runner, good, NOISE)
    assert found is not None
    assert (found.operator, found.position, found.output) == ("Log", 3, None)
    assert "memory access out of bounds" in str(found)
    assert [value.name for value in found.inputs] == ["guarded"]


def test_files_without_a_common_output_are_refused(good: Path, tmp_path: Path) -> None:
    other = onnx.load(good)
    for node in other.graph.node:
        node.output[:] = [f"{name}_b" for name in node.output]
        node.input[:] = [
            name if name in ("audio", "filters", "epsilon", "gain") else f"{name}_b"
            for name in node.input
        ]
    for value in other.graph.output:
        value.name += "_b"
    path = tmp_path / "other.onnx"
    path.write_bytes(other.SerializeToString())
    with NativeRunner("off") as runner, pytest.raises(BisectError, match="nothing to compare"):
        find_bad_node(runner, path, NOISE, good)


def test_every_tensor_can_be_exposed(good: Path, tmp_path: Path) -> None:
    model = onnx.load(good)
    path = tmp_path / "exposed.onnx"
    path.write_bytes(expose(model, tensor_names(model)).SerializeToString())
    with NativeRunner("full") as runner:
        runner.load(path)
        assert list(runner.run(NOISE)) == tensor_names(model)
