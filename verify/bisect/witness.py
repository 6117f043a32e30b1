"""Who says what a tensor should be: native onnxruntime unoptimised, or ONNX's own evaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import onnx

from verify.bisect.bad_node import Both
from verify.bisect.expose import expose, run_exposed
from verify.compare import Array
from verify.runtimes.runners import NativeRunner, Runner, RunnerError, Tensors, first_line
from verify.runtimes.values import spread

Witness = Callable[[onnx.ModelProto, Mapping[str, Array], Sequence[str]], Tensors]
"""From a model, its inputs and names of tensors to these; RunnerError if it cannot say."""


def native_witness(native: Runner | None) -> Witness:
    """Native onnxruntime; None: without optimisation, in this process."""

    def ask(model: onnx.ModelProto, inputs: Mapping[str, Array], names: Sequence[str]) -> Tensors:
        if native is not None:
            return run_exposed(native, model, inputs, names)
        with NativeRunner("off") as runner:
            return run_exposed(runner, model, inputs, names)

    return ask


def evaluate(model: onnx.ModelProto, inputs: Mapping[str, Array], names: Sequence[str]) -> Tensors:
    """ONNX's own evaluator, in numpy: slow, and nothing of onnxruntime is in it."""
    from onnx.reference import ReferenceEvaluator

    try:
        values = ReferenceEvaluator(expose(model, names)).run(None, dict(inputs))
        outputs: Tensors = {}
        for name, value in zip(dict.fromkeys(names), values, strict=True):
            outputs |= spread(name, value)
    except Exception as error:  # it raises whatever its operators do
        raise RunnerError(f"ONNX's evaluator: cannot run: {first_line(error)}") from None
    return outputs


def choose_witness(
    first: Witness, both: Both, reference: Tensors, agrees: Callable[[Tensors], bool]
) -> Witness | None:
    """The first witness whose outputs agree with the reference; None if none does."""
    for witness in (first, evaluate):
        with suppress(RunnerError):
            if agrees(witness(both.good, both.inputs, list(reference))):
                return witness
    return None
