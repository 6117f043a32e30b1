"""A whole recording block by block, so that what lies between two layers is never there whole.

A convolution sees a few frames to either side. What a network computes from the level (the log
energy, one number a cell) up to the next sum over the recording can therefore run in blocks of
frames, each with a halo that is cut off where the recording begins and ends. Here such a region
of a graph becomes a Scan over the blocks, whose body holds the same nodes. Kept for all frames is
what the rest of the graph reads; the harmonics, which follow from the level without a convolution,
are made again where they are needed. A frame is computed from the same numbers as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import onnx
from onnx import TensorProto, helper

from export.simplify import store_constants

BLOCK_FRAMES = 1024
"""About so many at a time, 12 s: halos cost 2 %. What is shorter than 18 s is one block."""
LOCAL = frozenset(
    (
        *("Conv", "Concat", "Pad", "Reshape", "Slice", "Squeeze", "Unsqueeze"),
        *("Add", "Sub", "Mul", "Div", "Max", "Min", "Clip", "Sqrt", "Exp"),
        *("Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh"),
        *("ReduceMean", "ReduceSum", "ReduceMax"),
    )
)
"""Operators that may move into a block, where the networks use them along other axes than time."""

PLAN = """
plan (float[N] level) => (int64[1] frames, int64[1] size, int64[N] numbers) {
    frames = Shape <start = -1> (level)
    one = Constant <value = int64[1] {1}> ()
    usual = Constant <value = int64[1] {BLOCK}> ()
    half = Constant <value = int64[1] {HALF}> ()
    rounded = Add(frames, half)
    fitting = Div(rounded, usual)
    count = Max(fitting, one)
    sum = Add(frames, count)
    upward = Sub(sum, one)
    size = Div(upward, count)
    from = Constant <value = int64 {0}> ()
    step = Constant <value = int64 {1}> ()
    to = Squeeze(count)
    numbers = Range(from, to, step)
}"""
"""frames / BLOCK blocks, rounded, of equal size; the last may be a few frames shorter."""
BEGIN = """
begin (int64 number, int64[1] size)
        => (int64[1] first, int64[1] last, int64[1] offset, int64[1] stop, int64[1] time) {
    none = Constant <value = int64[1] {0}> ()
    time = Constant <value = int64[1] {-1}> ()
    halo = Constant <value = int64[1] {HALO}> ()
    start = Mul(number, size)
    early = Sub(start, halo)
    first = Max(early, none)
    end = Add(start, size)
    last = Add(end, halo)
    offset = Sub(start, first)
    stop = Add(offset, size)
}"""
"""A block's frames are first … last, those of its result offset … stop of them."""
END = """
end (float[N] found, int64[1] offset, int64[1] stop, int64[1] size, int64[1] time)
        => (float[N] given) {
    inner = Slice(found, offset, stop, time)
    length = Shape <start = -1> (inner)
    missing = Sub(size, length)
    others = Constant <value = int64[COUNT] {ZEROS}> ()
    pads = Concat <axis = 0> (others, missing)
    given = Pad(inner, pads)
}"""
"""The last block is filled up, because a Scan's outputs are of one size. (Pad without its input
axes: onnxruntime-web 1.30.0 on WebGPU turns it into an invalid one when it moves transpositions.)
"""


class Region(NamedTuple):
    """Nodes between two sums over the recording."""

    name: str
    nodes: list[onnx.NodeProto]
    inputs: list[str]
    """What they read that has frames."""
    outputs: list[str]
    """What others read of them."""
    halo_frames: int


def split_into_blocks(model: onnx.ModelProto, block_frames: int = BLOCK_FRAMES) -> onnx.ModelProto:
    """The same function, its regions in Scans; the model itself where its time is not understood.

    That is so unless one Log gives the level, whose last axis is time, and only LOCAL operators and
    functions of the file follow.
    """
    sizes = infer_sizes(model)
    levels = [node.output[0] for node in model.graph.node if node.op_type == "Log"]
    if len(levels) != 1 or not (regions := find_regions(model, levels[0], sizes)):
        return model
    blocked = onnx.ModelProto()
    blocked.CopyFrom(model)
    graph = blocked.graph
    moved = {name for region in regions for name in region.outputs}
    nodes = [node for node in graph.node if not moved.intersection(node.output)]
    numbers = {"BLOCK": block_frames, "HALF": block_frames // 2}
    nodes += write(PLAN, "blocks", numbers, {"level": levels[0]})
    for region in regions:
        nodes.append(make_scan(region, sizes))
        nodes += join(region, sizes)
    ordered = list(sort_nodes(nodes, [value.name for value in graph.output]))
    del graph.node[:]
    graph.node.extend(ordered)
    store_constants(blocked)
    onnx.checker.check_model(blocked, full_check=True)
    return blocked


def infer_sizes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes by name of what has frames: three axes or more, the last dynamic (0)."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.output)
    }
    return {name: shape for name, shape in shapes.items() if len(shape) > 2 and not shape[-1]}


def find_regions(model: onnx.ModelProto, level: str, timed: Collection[str]) -> list[Region]:
    """The regions with convolutions; none at all where an operator is not known as local."""
    bodies = {function.name: function for function in model.functions}
    reaches = {node.output[0]: measure_reach(node, bodies) for node in model.graph.node}
    depths = {level: 0}
    """How many sums over the recording lie between the level and a value."""
    cheap = {level}
    """What has frames and follows from the level without a convolution or a sum."""
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
    """Frames to either side that a node's output depends on."""
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


def make_scan(region: Region, sizes: dict[str, tuple[int, ...]]) -> onnx.NodeProto:
    """The region over all blocks: outputs of (…, blocks, size)."""
    plan = {"number": f"{region.name}/number", "size": "blocks/size"}
    body = write(BEGIN, region.name, {"HALO": region.halo_frames}, plan)
    first, last, offset, stop, time = (
        f"{region.name}/{name}" for name in ("first", "last", "offset", "stop", "time")
    )
    names = {}
    for name in region.inputs:
        names[name] = f"{region.name}/{name}"
        ends = [name, first, last, time]
        body.append(helper.make_node("Slice", ends, [names[name]], name=names[name]))
    for node in region.nodes:
        moved = onnx.NodeProto()
        moved.CopyFrom(node)
        moved.name = f"{node.name}@{region.name}"
        names.update({name: f"{region.name}/{name}" for name in node.output})
        moved.input[:] = [names.get(name, name) for name in node.input]
        moved.output[:] = [names[name] for name in node.output]
        body.append(moved)
    given = []
    for name in region.outputs:
        inputs = {"found": names[name], "offset": offset, "stop": stop, "time": time}
        count = 2 * len(sizes[name]) - 1
        zeros = {"COUNT": count, "ZEROS": ", ".join("0" * count)}
        body += write(END, names[name], zeros, inputs | {"size": plan["size"]})
        given.append(helper.make_tensor_value_info(f"{names[name]}/given", TensorProto.FLOAT, None))
    number = helper.make_tensor_value_info(plan["number"], TensorProto.INT64, [])
    return helper.make_node(
        "Scan",
        ["blocks/numbers"],
        [f"{name}/blocks" for name in region.outputs],
        name=region.name,
        num_scan_inputs=1,
        scan_output_axes=[-2] * len(given),
        body=helper.make_graph(body, region.name, [number], given),
    )


def join(region: Region, sizes: dict[str, tuple[int, ...]]) -> Iterator[onnx.NodeProto]:
    """(…, blocks, size) → (…, frames), for each output."""
    for name in region.outputs:
        text = """
        join (float[N] blocks, int64[1] frames) => (float[N] whole) {
            shape = Constant <value = int64[RANK] {SHAPE}> ()
            long = Reshape(blocks, shape)
            none = Constant <value = int64[1] {0}> ()
            time = Constant <value = int64[1] {-1}> ()
            whole = Slice(long, none, frames, time)
        }"""
        shape = (*sizes[name][:-1], -1)
        numbers = {"RANK": len(shape), "SHAPE": ", ".join(map(str, shape))}
        yield from write(text, name, numbers, {"frames": "blocks/frames", "whole": name})


def write(
    text: str, prefix: str, numbers: Mapping[str, object], names: Mapping[str, str]
) -> list[onnx.NodeProto]:
    """Nodes of a graph in onnx's text, its values renamed: as given, or prefix and slash."""
    for word, number in numbers.items():
        text = text.replace(word, str(number))
    nodes = list(onnx.parser.parse_graph(text).node)
    for node in nodes:
        node.input[:] = [name and names.get(name, f"{prefix}/{name}") for name in node.input]
        node.output[:] = [names.get(name, f"{prefix}/{name}") for name in node.output]
        node.name = node.output[0]
    return nodes


def sort_nodes(nodes: Iterable[onnx.NodeProto], outputs: Iterable[str]) -> Iterator[onnx.NodeProto]:
    """What the outputs need, every node after those it reads from."""
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
    """Names of a node's inputs, those of the graphs inside it included."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from list_inputs(inner)
