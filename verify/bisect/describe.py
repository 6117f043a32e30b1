"""A bad node in words: what it takes, gives and should give, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import onnx

from verify.bisect.bad_node import BadNode, Place, Range
from verify.compare import Array
from verify.runtimes.runners import Tensors


def describe(place: Place, name: str, fault: str, seen: Tensors, truth: Tensors) -> BadNode:
    """The node of a place, whose output ``name`` is bad; the last two are tensors by name."""
    model, node = place.both.model, place.node
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    values = {**constants, **seen}
    return BadNode(
        node.name or name,
        node.op_type,
        list(model.graph.node).index(node),
        fault,
        tuple(_range(given, values[given]) for given in node.input if given in values),
        _range(name, seen[name]) if name in seen else None,
        _range(name, truth[name]) if name in truth else None,
        "; ".join(_origin(model, node)) or "an unnamed part: the file keeps no names",
        place=replace(place, expected={n: truth[n] for n in node.output if n in truth}),
    )


def _range(name: str, value: Array) -> Range:
    if value.dtype.kind == "U":
        return Range(name, value.shape, np.nan, np.nan, 0)
    numbers = value.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    smallest, largest = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
    bad = int(numbers.size - finite.size)
    return Range(name, value.shape, float(smallest), float(largest), bad)


def _origin(model: onnx.ModelProto, node: onnx.NodeProto) -> Iterator[str]:
    """The module that torch recorded, and the nearest trained weights before the node."""
    noted = {entry.key: entry.value for entry in node.metadata_props}
    if scope := noted.get("pkg.torch.onnx.name_scopes") or node.doc_string:
        yield scope.strip().splitlines()[-1]
    makers = {name: maker for maker in model.graph.node for name in maker.output}
    weights = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) > 1}
    layer, reached = [node], {id(node)}
    while layer:
        if named := [name for maker in layer for name in maker.input if name in weights]:
            yield f"weights {', '.join(dict.fromkeys(named))}" + (
                "" if layer == [node] else " before it"
            )
            return
        before = [makers[name] for maker in layer for name in maker.input if name in makers]
        layer = [maker for maker in before if id(maker) not in reached]
        reached |= {id(maker) for maker in layer}
