"""The first bad node: where good inputs become a bad output in the runtime that fails.

Every intermediate tensor is exposed as an output, in the suspected runtime and in a witness, and
compared in graph order. The witness is native onnxruntime without optimisation or, where a
reference says that it is wrong too, ONNX's own evaluator. Exposing a tensor keeps the runtime from
fusing the nodes around it; if that hides the fault, tensors are exposed one at a time instead,
halving the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from verify.bisect.bad_node import BadNode, Both, Place
from verify.bisect.describe import describe
from verify.bisect.expose import run_exposed, takes, tensor_names
from verify.bisect.inside import open_node
from verify.bisect.witness import Witness, choose_witness, native_witness
from verify.compare import Array, DisagreementError, Tolerance, compare
from verify.runtimes.onnx_file import read_onnx
from verify.runtimes.runners import Runner, RunnerError, Tensors

RELATIVE = 1e-4
"""Error allowed in a tensor, as a share of its largest magnitude: float32 makes about 1e-6 per
node, and errors add up; a logarithm in float16 makes 5e-4."""


class BisectError(ValueError):
    """The search is impossible; the message says why."""


class UnplacedError(Exception):
    """The outputs are wrong, but no node can be blamed; the message says why."""


def find_bad_node(
    runner: Runner,
    file: Path,
    inputs: Mapping[str, Array],
    against: Path | None = None,
    relative: float = RELATIVE,
    *,
    reference: Mapping[str, Array] | None = None,
    native: Runner | None = None,
) -> BadNode | None:
    """Search a file in an entered runner; None if every output agrees.

    ``against`` is a good file with the same tensor names; None: this file itself. ``reference`` are
    expected outputs, which are believed before any witness. ``native`` is an entered runner of
    native onnxruntime without optimisation; None: one in this process.

    If the runtime stops, the node where it stops is searched for. The insides of functions, loops
    and branches are searched next, as far as they show the fault. Raises RunnerError if no witness
    runs; BisectError if the two files share no output, or if every tensor is good when seen on its
    own; UnplacedError if the reference calls both the runtime and every witness wrong.
    """
    model = read_onnx(file).load()
    both = Both(model, read_onnx(against).load() if against else model, inputs)
    ask: Witness | None = native_witness(native)
    if reference is not None:
        truth = dict(reference)

        def agrees(seen: Tensors) -> bool:
            return not _bad(seen, truth, list(truth), relative)

        try:
            seen = run_exposed(runner, model, inputs, list(truth))
        except RunnerError:
            seen = {}
        if seen and agrees(seen):
            return None
        ask = choose_witness(native_witness(native), both, truth, agrees)
        if ask is None:
            return _by_reference(both, seen, truth, relative)
    assert ask is not None
    search = partial(_search, runner, ask, relative)
    found = search(both)
    return found and _enter(search, ask, both, found)


def _by_reference(both: Both, seen: Tensors, truth: Tensors, relative: float) -> BadNode:
    """The bad node where nobody knows the tensors in between: one that takes only what is given."""
    given = {*both.inputs, *(tensor.name for tensor in both.model.graph.initializer), ""}
    bad = _bad(seen, truth, list(truth), relative)
    for node in both.model.graph.node:
        for name in node.output:
            if name in bad and given >= {*takes(node)}:
                fault = find_fault(seen[name], truth[name], relative) or ""
                return describe(Place(both, node), name, fault, {**seen, **both.inputs}, truth)
    raise UnplacedError(
        "the outputs differ from the reference, and no witness agrees with it either (native "
        "onnxruntime without optimisation, ONNX's own evaluator): the fault is in the file, in the "
        "reference, or in all of them; no node can be named"
    )


def _enter(
    search: Callable[[Both], BadNode | None], ask: Witness, both: Both, found: BadNode
) -> BadNode:
    """Add the bad node inside a bad function, loop or branch."""

    def value_of(name: str) -> Array:
        for tensor in both.good.graph.initializer:
            if tensor.name == name:
                return onnx.numpy_helper.to_array(tensor)
        inputs = both.inputs
        return inputs[name] if name in inputs else ask(both.good, inputs, [name])[name]

    node = both.model.graph.node[found.position]
    for opened, known in open_node(both.model, both.good, node, value_of):
        inner = Both(opened, known, both.inputs)
        try:
            inside = search(inner)
        except (
            BisectError,
            RunnerError,
        ):  # the loop has ended, or exposing tensors hides the fault
            break
        if inside:
            return replace(found, inside=_enter(search, ask, inner, inside))
    return found


def _search(runner: Runner, ask: Witness, relative: float, both: Both) -> BadNode | None:
    model, inputs = both.model, both.inputs
    outputs = [value.name for value in model.graph.output]
    names = tensor_names(model)
    truth = ask(both.good, inputs, tensor_names(both.good))
    shared = [name for name in names if name in truth]
    if not set(shared) & set(outputs):
        raise BisectError("the two files share no output: nothing to compare")

    try:
        seen = run_exposed(runner, model, inputs, outputs)
    except RunnerError as error:
        return _find_stop(runner, both, names, str(error))
    if not _bad(seen, truth, outputs, relative):
        return None
    exposed = run_exposed(runner, model, inputs, names)
    if _bad(exposed, truth, outputs, relative):
        return _first(both, exposed | dict(inputs), truth, relative)

    def is_bad(name: str) -> bool:
        seen.update(run_exposed(runner, model, inputs, [*outputs, name]))
        return bool(_bad(seen, truth, [name], relative))

    name = _halve(shared, is_bad)
    node = _maker(model, name)
    given = set(node.input).intersection(names)
    seen.update(run_exposed(runner, model, inputs, [*outputs, *given]))
    fault = find_fault(seen[name], truth.get(name), relative) or ""
    return describe(Place(both, node), name, fault, seen | dict(inputs), truth)


def _find_stop(runner: Runner, both: Both, names: Sequence[str], problem: str) -> BadNode:
    """Search a file that does not run: the first tensor that cannot be computed on its own."""
    model, inputs = both.model, both.inputs

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
    return describe(Place(both, node), name, fault, seen | dict(inputs), {})


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
    if "U" in (value.dtype.kind, getattr(truth, "dtype", value.dtype).kind):
        return None if truth is None or np.array_equal(value, truth) else "other strings"
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


def _first(both: Both, seen: Tensors, truth: Tensors, relative: float) -> BadNode | None:
    for node in both.model.graph.node:
        good = not _bad(seen, truth, node.input, relative)
        for name in node.output:
            if good and name in seen:
                fault = find_fault(seen[name], truth.get(name), relative)
                if fault:
                    return describe(Place(both, node), name, fault, seen, truth)
    raise BisectError("an output is bad, but no node makes a bad one from good inputs")
