"""Intermediate tensors as outputs, so that any runtime returns them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
from onnx import helper

from verify.compare import Array
from verify.runtimes.runners import Runner, Tensors


def tensor_names(model: onnx.ModelProto) -> list[str]:
    """Outputs of all nodes of the main graph, in its order."""
    return [name for node in model.graph.node for name in node.output if name]


def expose(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Copy a model with the named tensors as its outputs, and only the nodes that they need.

    onnxruntime runs every node, whether or not an output depends on it.
    """
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    known = infer_types(model)
    del exposed.graph.output[:]
    needed = set(names)
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(takes(node))
    kept = [node for node in model.graph.node if needed.intersection(node.output)]
    del exposed.graph.node[:]
    exposed.graph.node.extend(kept)
    for name in dict.fromkeys(names):
        value = known.get(name) or helper.make_empty_tensor_value_info(name)
        if value.type.HasField("tensor_type"):
            # A runtime warns about a shape that inference only guessed, or stops there.
            element = value.type.tensor_type.elem_type
            value = helper.make_tensor_value_info(name, element, None)
        exposed.graph.output.append(value)
    return exposed


def infer_types(model: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """Tensors of the main graph by name, as far as ONNX can tell their types."""
    typed = onnx.shape_inference.infer_shapes(model).graph
    return {value.name: value for value in (*typed.input, *typed.value_info, *typed.output)}


def takes(node: onnx.NodeProto) -> Iterator[str]:
    """Names of a node's inputs, including those of the graphs inside it, and what these give."""
    yield from node.input
    for attribute in node.attribute:
        yield from (value.name for value in attribute.g.output)
        for inner in attribute.g.node:
            yield from takes(inner)


def run_exposed(
    runner: Runner, model: onnx.ModelProto, inputs: Mapping[str, Array], names: Sequence[str]
) -> Tensors:
    """Run a model for the named tensors; RunnerError if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exposed.onnx"
        path.write_bytes(expose(model, names).SerializeToString())
        runner.load(path)
        return runner.run(inputs)
