"""The graph inside a node: a local function inlined, one iteration of a loop, or a branch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import onnx
from onnx import helper, inliner, numpy_helper

from verify.compare import Array

Pair = tuple[onnx.ModelProto, onnx.ModelProto]


def open_node(
    model: onnx.ModelProto,
    good: onnx.ModelProto,
    node: onnx.NodeProto,
    value_of: Callable[[str], Array],
) -> Iterator[Pair]:
    """Pairs of both files with the inside of a node exposed, the suspect first.

    A call of a local function gives one pair, with all functions inlined. A Scan that carries no
    state gives a pair for each iteration, whose outputs are that iteration's, if ``good`` has the
    same loop; the pairs do not end, since an iteration past the loop's end does not run. An If
    gives the branch that is taken: ``value_of`` is a tensor of ``good``. Any other node gives none.
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
    elif node.op_type == "If":
        flat, known = _write_out(model), _write_out(good)
        ours, theirs = _find_twin(flat, node), _find_twin(known, node)
        if ours and theirs:
            branch = "then_branch" if value_of(theirs.input[0]).all() else "else_branch"
            yield _take(flat, ours, branch), _take(known, theirs, branch)


def _write_out(model: onnx.ModelProto) -> onnx.ModelProto:
    """Inline the local functions, as every runtime does when it loads a file."""
    return inliner.inline_local_functions(model) if model.functions else model


def _find_twin(model: onnx.ModelProto, node: onnx.NodeProto) -> onnx.NodeProto | None:
    """The node of the same operator and first output, under any name."""
    twins: list[onnx.NodeProto] = [
        other
        for other in model.graph.node
        if (other.op_type, other.output[0]) == (node.op_type, node.output[0])
    ]
    return twins[0] if twins else None


def _attributes(node: onnx.NodeProto) -> dict[str, onnx.AttributeProto]:
    return {attribute.name: attribute for attribute in node.attribute}


def _is_stateless(scan: onnx.NodeProto) -> bool:
    """Whether each iteration depends on its own slice of the inputs only, taken in order."""
    found = _attributes(scan)
    backwards = any(found["scan_input_directions"].ints) if "scan_input_directions" in found else 0
    return found["num_scan_inputs"].i == len(scan.input) and not backwards


def _take(model: onnx.ModelProto, node: onnx.NodeProto, branch: str) -> onnx.ModelProto:
    """The nodes before an If, and one branch of it; the outputs are the branch's."""
    body = _attributes(node)[branch].g
    before = list(model.graph.node)[: list(model.graph.node).index(node)]
    return _open(model, [*before, *body.node], body)


def _open(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], body: onnx.GraphProto
) -> onnx.ModelProto:
    """A copy of a model with these nodes, and the outputs and constants of a graph inside it."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    graph = opened.graph
    del graph.node[:], graph.output[:]
    graph.node.extend(nodes)
    graph.output.extend(body.output)
    graph.initializer.extend(body.initializer)
    return opened


def _unroll(model: onnx.ModelProto, scan: onnx.NodeProto, turn: int) -> onnx.ModelProto:
    """The nodes before a loop, and one iteration of it; the outputs are the iteration's."""
    found = _attributes(scan)
    body = found["body"].g
    axes = found["scan_input_axes"].ints if "scan_input_axes" in found else [0] * len(scan.input)
    index = f"{scan.output[0]}/turn"
    slices = [
        helper.make_node("Gather", [given, index], [taken.name], axis=axis)
        for given, taken, axis in zip(scan.input, body.input, axes, strict=True)
    ]
    before = list(model.graph.node)[: list(model.graph.node).index(scan)]
    opened = _open(model, [*before, *slices, *body.node], body)
    opened.graph.initializer.append(numpy_helper.from_array(np.array(turn, np.int64), index))
    return opened
