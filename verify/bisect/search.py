"""The first bad node: where good inputs become a bad output in the runtime that fails.

Every intermediate tensor is exposed as an output, in the suspected runtime and in native
onnxruntime without optimisation, and compared in graph order. Exposing a tensor keeps the runtime
from fusing the nodes around it; if that hides the fault, tensors are exposed one at a time
instead, halving the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from verify.bisect.bad_node import BadNode, Range
from verify.bisect.expose import run_exposed, tensor_names
from verify.bisect.inside import open_node
from verify.compare import Array, DisagreementError, Tolerance, compare
from verify.runtimes.onnx_file import read_onnx
from verify.runtimes.runners import NativeRunner, Runner, RunnerError, Tensors

RELATIVE = 1e-4
"""Error allowed in a tensor, as a share of its largest magnitude: float32 makes about 1e-6 per
node, and errors add up; a logarithm in float16 makes 5e-4."""


class BisectError(ValueError):
    """The search is impossible; the message says why."""


def find_bad_node(
    runner: Runner,
    file: Path,
    inputs: Mapping[str, Array],
    against: Path | None = None,
    relative: float = RELATIVE,
) -> BadNode | None:
    """Search a file in an entered runner; None if every output agrees.

    ``against`` is a good file with the same tensor names; None: this file itself. If the runtime
    stops, the node where it stops is searched for. The insides of functions and loops are searched
    next, as far as they show the fault. Raises RunnerError if the reference does not run, and
    BisectError if the two files share no output, or if every tensor is good when seen on its own.
    """
    model = read_onnx(file).load()
    good = read_onnx(against).load() if against else model
    found = _search(runner, model, good, inputs, relative)
    return found and _enter(runner, model, good, inputs, relative, found)


def _enter(
    runner: Runner,
    model: onnx.ModelProto,
    good: onnx.ModelProto,
    inputs: Mapping[str, Array],
    relative: float,
    found: BadNode,
) -> BadNode:
    """Add the bad node inside a bad function or loop."""
    node = model.graph.node[found.position]
    for opened, known in open_node(model, good, node):
        try:
            inside = _search(runner, opened, known, inputs, relative)
        except (
            BisectError,
            RunnerError,
        ):  # the loop has ended, or exposing tensors hides the fault
            break
        if inside:
            return replace(found, inside=_enter(runner, opened, known, inputs, relative, inside))
    return found


def _search(
    runner: Runner,
    model: onnx.ModelProto,
    good: onnx.ModelProto,
    inputs: Mapping[str, Array],
    relative: float,
) -> BadNode | None:
    outputs = [value.name for value in model.graph.output]
    names = tensor_names(model)
    with NativeRunner("off") as native:
        truth = run_exposed(native, good, inputs, tensor_names(good))
    shared = [name for name in names if name in truth]
    if not set(shared) & set(outputs):
        raise BisectError("the two files share no output: nothing to compare")

    try:
        seen = run_exposed(runner, model, inputs, outputs)
    except RunnerError as error:
        return _find_stop(runner, model, inputs, names, str(error))
    if not _bad(seen, truth, outputs, relative):
        return None
    exposed = run_exposed(runner, model, inputs, names)
    if _bad(exposed, truth, outputs, relative):
        return _first(model, exposed | dict(inputs), truth, relative)

    def is_bad(name: str) -> bool:
        seen.update(run_exposed(runner, model, inputs, [*outputs, name]))
        return bool(_bad(seen, truth, [name], relative))

    name = _halve(shared, is_bad)
    node = _maker(model, name)
    seen.update(
        run_exposed(runner, model, inputs, [*outputs, *set(node.input).intersection(names)])
    )
    return _describe(model, node, name, seen | dict(inputs), truth, relative)


def _find_stop(
    runner: Runner,
    model: onnx.ModelProto,
    inputs: Mapping[str, Array],
    names: Sequence[str],
    problem: str,
) -> BadNode:
    """Search a file that does not run: the first tensor that cannot be computed on its own."""

    def stops(name: str) -> bool:
        try:
            run_exposed(runner, model, inputs, [name])
        except RunnerError:
            return True
        return False

    name = _halve(names, stops)
    if not stops(name):
        raise BisectError(
            f"each tensor can be computed on its own, but the whole file does not run: {problem}"
        )
    node = _maker(model, name)
    seen: Tensors = {}
    for given in set(node.input).intersection(names):
        with suppress(
            RunnerError
        ):  # an input's node may stop the runtime too: then its range is unknown
            seen |= run_exposed(runner, model, inputs, [given])
    fault = f"the runtime stops: {problem}"
    return _describe(model, node, name, seen | dict(inputs), {}, 0, fault)


def _halve(names: Sequence[str], is_bad: Callable[[str], bool]) -> str:
    """The first bad name by halving; all after it are bad too."""
    low, high = 0, len(names) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_bad(names[middle]) else (middle + 1, high)
    return names[low]


def _maker(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    node: onnx.NodeProto = next(node for node in model.graph.node if name in node.output)
    return node


def _bad(seen: Tensors, truth: Tensors, names: Sequence[str], relative: float) -> list[str]:
    return [
        name for name in names if name in seen and find_fault(seen[name], truth.get(name), relative)
    ]


def find_fault(value: Array, truth: Array | None, relative: float) -> str | None:
    """A tensor's fault in words, by the ruler; ``relative`` to the truth's range.

    Whole numbers must be equal. Where there is no finite truth, the value must be finite itself.
    """
    if truth is None or not np.isfinite(truth.astype(np.float64)).all():
        truth = value
    if value.shape == truth.shape and not value.size:
        return None
    numbers = np.abs(truth.astype(np.float64))
    size = float(numbers[np.isfinite(numbers)].max(initial=0))
    allowed = relative * size if value.dtype.kind == "f" else 0.0
    dtype = {"": value.dtype.name}
    try:
        compare({"": value}, {"": truth}, {"": Tolerance(allowed, "a share of its range")}, dtype)
    except DisagreementError as error:
        (found,) = error.deviations
        if found.largest_absolute is None:
            return found.fault
        share = found.largest_absolute / max(size, 1e-300)
        return f"largest error {found.largest_absolute:.3g}, {share:.2g} of its range"
    return None


def _first(
    model: onnx.ModelProto, seen: Tensors, truth: Tensors, relative: float
) -> BadNode | None:
    for node in model.graph.node:
        good = not _bad(seen, truth, node.input, relative)
        for name in node.output:
            if good and name in seen and find_fault(seen[name], truth.get(name), relative):
                return _describe(model, node, name, seen, truth, relative)
    raise BisectError("an output is bad, but no node makes a bad one from good inputs")


def _describe(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    name: str,
    seen: Tensors,
    truth: Tensors,
    relative: float,
    fault: str = "",
) -> BadNode:
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    values = {**constants, **seen}
    return BadNode(
        node.name or name,
        node.op_type,
        list(model.graph.node).index(node),
        fault or find_fault(seen[name], truth.get(name), relative) or "",
        tuple(_range(given, values[given]) for given in node.input if given in values),
        _range(name, seen[name]) if name in seen else None,
        _range(name, truth[name]) if name in truth else None,
        "; ".join(_origin(model, node)) or "an unnamed part: the file keeps no names",
    )


def _range(name: str, value: Array) -> Range:
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
