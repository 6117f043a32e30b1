"""What a node holds: local functions written out, and a loop's body as one of its turns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
import onnx
from onnx import helper, inliner, numpy_helper

Pair = tuple[onnx.ModelProto, onnx.ModelProto]


def open_node(
    model: onnx.ModelProto, good: onnx.ModelProto, node: onnx.NodeProto
) -> Iterator[Pair]:
    """Both files with a node's inside laid open, the suspect first; nothing where it has none.

    A call of a local function gives one pair, in which all functions are written out. A Scan that
    carries no state gives a pair for each of its turns, which ends with that turn's outputs, if
    ``good`` has the same loop. There is no last pair: a turn beyond the loop's end does not run.
    """
    local = {(function.domain, function.name) for function in model.functions}
    if (node.domain, node.op_type) in local:
        yield _write_out(model), _write_out(good)
    elif node.op_type == "Scan":
        flat, known = _write_out(model), _write_out(good)
        ours, theirs = _find_twin(flat, node), _find_twin(known, node)
        if ours and theirs and _is_stateless(ours) and _is_stateless(theirs):
            for turn in count():
                yield _unroll(flat, ours, turn), _unroll(known, theirs, turn)


def _write_out(model: onnx.ModelProto) -> onnx.ModelProto:
    """Inline the local functions, as every runtime does before it runs a file."""
    return inliner.inline_local_functions(model) if model.functions else model


def _find_twin(model: onnx.ModelProto, node: onnx.NodeProto) -> onnx.NodeProto | None:
    """The node of the same kind and first output, whatever it is called."""
    twins: list[onnx.NodeProto] = [
        other
        for other in model.graph.node
        if (other.op_type, other.output[0]) == (node.op_type, node.output[0])
    ]
    return twins[0] if twins else None


def _attributes(node: onnx.NodeProto) -> dict[str, onnx.AttributeProto]:
    return {attribute.name: attribute for attribute in node.attribute}


def _is_stateless(scan: onnx.NodeProto) -> bool:
    """Whether each turn depends on nothing but its own slice of the inputs, taken in order."""
    found = _attributes(scan)
    backwards = any(found["scan_input_directions"].ints) if "scan_input_directions" in found else 0
    return found["num_scan_inputs"].i == len(scan.input) and not backwards


def _unroll(model: onnx.ModelProto, scan: onnx.NodeProto, turn: int) -> onnx.ModelProto:
    """What comes before a loop, and one turn of it; the outputs are the turn's."""
    found = _attributes(scan)
    body = found["body"].g
    axes = found["scan_input_axes"].ints if "scan_input_axes" in found else [0] * len(scan.input)
    index = f"{scan.output[0]}/turn"
    slices = [
        helper.make_node("Gather", [given, index], [taken.name], axis=axis)
        for given, taken, axis in zip(scan.input, body.input, axes, strict=True)
    ]
    before = list(model.graph.node)[: list(model.graph.node).index(scan)]
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    graph = opened.graph
    del graph.node[:], graph.output[:]
    graph.node.extend([*before, *slices, *body.node])
    graph.output.extend(body.output)
    graph.initializer.extend(body.initializer)
    graph.initializer.append(numpy_helper.from_array(np.array(turn, np.int64), index))
    return opened
