"""Parts of a graph that can run in blocks of frames: those between two sums over the recording."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import onnx

LOCAL = frozenset(
    (
        *("Conv", "Concat", "Pad", "Reshape", "Slice", "Squeeze", "Unsqueeze"),
        *("Add", "Sub", "Mul", "Div", "Max", "Min", "Clip", "Sqrt", "Exp"),
        *("Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh"),
        *("ReduceMean", "ReduceSum", "ReduceMax"),
    )
)
"""Operators that may move into a block: the networks use them along other axes than time."""


class Region(NamedTuple):
    """Nodes between two sums over the recording."""

    name: str
    nodes: list[onnx.NodeProto]
    inputs: list[str]
    """Values with frames that they read."""
    outputs: list[str]
    """Their values that other nodes read."""
    halo_frames: int


def infer_sizes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes of the values with frames, by name: three axes or more, the last dynamic (0)."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.output)
    }
    return {name: shape for name, shape in shapes.items() if len(shape) > 2 and not shape[-1]}


def find_regions(model: onnx.ModelProto, level: str, timed: Collection[str]) -> list[Region]:
    """The regions with convolutions; none if any operator is not known to be local."""
    bodies = {function.name: function for function in model.functions}
    reaches = {node.output[0]: measure_reach(node, bodies) for node in model.graph.node}
    depths = {level: 0}
    """Number of sums over the recording between the level and a value."""
    cheap = {level}
    """Values with frames that follow from the level without a convolution or a sum."""
    inside: dict[int, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        before = [depths[name] for name in node.input if name in depths]
        if not before:
            continue
        if node.op_type not in LOCAL and node.op_type not in bodies:
            return []
        frames = [name for name in node.input if name in timed]
        local = bool(frames) and node.output[0] in timed
        depths[node.output[0]] = max(before) + (bool(frames) and not local)
        if local:
            inside.setdefault(depths[node.output[0]], []).append(node)
            if cheap.issuperset(frames) and not reaches[node.output[0]]:
                cheap.add(node.output[0])
    regions = []
    for depth, nodes in inside.items():
        names = {node.output[0] for node in nodes}
        if any(reaches[name] for name in names):
            rest = [node for node in model.graph.node if node.output[0] not in names]
            read = {name for node in rest for name in node.input}
            read.update(value.name for value in model.graph.output)
            outputs = [node.output[0] for node in nodes if node.output[0] in read - cheap]
            movable = names | cheap - {level}
            body = list(
                sort_nodes((n for n in model.graph.node if n.output[0] in movable), outputs)
            )
            made = {node.output[0] for node in body}
            inputs = {name for node in body for name in node.input if name in timed} - made
            halo = measure_halo(body, reaches)
            regions.append(Region(f"blocks.{depth}", body, sorted(inputs), outputs, halo))
    return regions


def measure_reach(node: onnx.NodeProto, bodies: dict[str, onnx.FunctionProto]) -> int:
    """Frames on either side that a node's output depends on."""
    if node.op_type in bodies:
        return sum(measure_reach(inner, bodies) for inner in bodies[node.op_type].node)
    if node.op_type != "Conv":
        return 0
    return next((int(a.ints[-1]) for a in node.attribute if a.name == "pads"), 0)


def measure_halo(nodes: Iterable[onnx.NodeProto], reaches: dict[str, int]) -> int:
    """The same of a region, over its longest path."""
    halos = {"": 0}
    for node in nodes:
        before = max(halos.get(name, 0) for name in node.input)
        halos[node.output[0]] = before + reaches[node.output[0]]
    return max(halos.values())


def sort_nodes(nodes: Iterable[onnx.NodeProto], outputs: Iterable[str]) -> Iterator[onnx.NodeProto]:
    """Nodes that the outputs need, each after those that it reads from."""
    makers = {name: node for node in nodes for name in node.output}
    waiting = list(reversed(list(outputs)))
    while waiting:
        node = makers.get(waiting[-1])
        needed = [] if node is None else [name for name in list_inputs(node) if name in makers]
        if needed:
            waiting.extend(needed)
            continue
        waiting.pop()
        if node is not None:
            yield node
            for name in node.output:
                del makers[name]


def list_inputs(node: onnx.NodeProto) -> Iterator[str]:
    """Names of a node's inputs, including those of the graphs inside it."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from list_inputs(inner)
