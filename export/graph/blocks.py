"""A whole recording block by block, so that values between layers are never in memory whole.

A convolution reads a few frames on either side. The nodes between the level (the log energy, one
number per cell) and the next sum over the recording can therefore run in blocks of frames, each
with a halo that is cut off where the recording begins and ends. Here such a region of a graph
becomes a Scan over the blocks, whose body has the same nodes. Values that the rest of the graph
reads are kept for all frames; the harmonics, which follow from the level without a convolution,
are computed again where they are needed. Each frame is computed from the same numbers as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import onnx
from onnx import TensorProto, helper

from export.graph.regions import Region, find_regions, infer_sizes, sort_nodes
from export.graph.simplify import store_constants

BLOCK_FRAMES = 1024
"""Approximate length, 12 s: halos cost 2 %. Up to 17.8 s a recording is one block."""
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
"""A block reads frames first … last; its result is offset … stop of these."""
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
"""The last block is padded, because all outputs of a Scan have one size. (Pad without its input
axes: onnxruntime-web 1.30.0 on WebGPU turns it into an invalid one when it moves transpositions.)
"""


def split_into_blocks(model: onnx.ModelProto, block_frames: int = BLOCK_FRAMES) -> onnx.ModelProto:
    """The same function with its regions in Scans, or the model itself if its time is unclear.

    Time is clear if one Log gives the level, whose last axis is time, and only LOCAL operators and
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
    """Nodes of a graph in onnx's text, with values renamed as given, or else prefixed."""
    for word, number in numbers.items():
        text = text.replace(word, str(number))
    nodes = list(onnx.parser.parse_graph(text).node)
    for node in nodes:
        node.input[:] = [name and names.get(name, f"{prefix}/{name}") for name in node.input]
        node.output[:] = [names.get(name, f"{prefix}/{name}") for name in node.output]
        node.name = node.output[0]
    return nodes
