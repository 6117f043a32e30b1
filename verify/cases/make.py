"""A reference where there is none: inputs of a model's own shapes, and what a witness gives.

What native onnxruntime without optimisation gives is onnxruntime's word and not the author's
framework's; a PyTorch module (``against.py``) is the better witness.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from verify.cases.archive import CaseError, write_npz
from verify.cases.stored import EXPECT, StoredCase, narrower
from verify.compare import Array, Expectation
from verify.runtimes.onnx_file import OnnxFile, Port
from verify.runtimes.runners import RunnerError
from verify.runtimes.values import Tensors

SIZES = (8, 64, 512, 4096, 32_768)
"""Tried in turn for dimensions without a size, until the model runs."""
Shapes = Mapping[str, tuple[int, ...]]


def witness_of(
    name: str, inputs: Tensors, run: Callable[[Tensors], Tensors], file: OnnxFile
) -> StoredCase:
    """A case of these inputs, with what ``run`` gives for them; RunnerError if it fails.

    Where that is not finite, or empty, the case says so: it is what was seen.
    """
    outputs = run(inputs)
    return StoredCase(name, inputs, outputs, expect(outputs), narrower(file.outputs, outputs))


def expect(outputs: Mapping[str, Array]) -> dict[str, Expectation]:
    """What a case says of outputs that were seen, where they are not finite, or empty."""
    said: dict[str, Expectation] = {}
    for name, value in outputs.items():
        if not value.size:
            said[name] = "empty"
        elif value.dtype.kind in "fc" and not np.isfinite(value).all():
            said[name] = "nonfinite"
    return said


def read_shapes(words: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """``audio=1x1x44100`` as a shape by name; CaseError for anything else."""
    shapes = {}
    for word in words:
        found = re.fullmatch(r"(.+)=(\d{1,9}(?:x\d{1,9})*)?", word)
        if not found:
            raise CaseError(f"--shape {word}: expected NAME=1x1x44100, or NAME= for a scalar")
        shapes[found[1]] = tuple(map(int, found[2].split("x"))) if found[2] else ()
    return shapes


def make_cases(
    file: OnnxFile, run: Callable[[Tensors], Tensors], shapes: Shapes
) -> tuple[list[StoredCase], dict[str, str]]:
    """Cases on which ``run`` gives outputs, and for the others by name why it does not.

    CaseError if it gives none on ordinary inputs, with its words for the smallest size.
    """
    for name in shapes:
        if name not in {port.name for port in file.inputs}:
            raise CaseError(f"--shape {name}: {file.path.name} has no such input")
    problem = ""
    for size in SIZES:
        cases, problems = [], {}
        for name, inputs in make_inputs(file.inputs, shapes, size):
            try:
                cases.append(witness_of(name, inputs, run, file))
            except RunnerError as error:
                problems[name] = str(error)
        if cases and cases[0].name == "seeded":
            return cases, problems
        problem = problem or next(iter(problems.values()), "it has no inputs that can be made")
        if not _has_open_dimension(file.inputs, shapes):
            break
    raise CaseError(
        f"{file.path}: no reference can be made on inputs of its own shapes ({problem}); "
        "say others with --shape NAME=1x1x44100, or store inputs alone and give them as --reference"
    )


def make_inputs(ports: Sequence[Port], shapes: Shapes, size: int) -> Iterator[tuple[str, Tensors]]:
    """Inputs by the name of the case, ``seeded`` first: NaN and infinities for floats only."""
    if any(port.kind != "tensor" or not port.dtype for port in ports):
        return
    resolved = {port.name: _shape(port, shapes, size) for port in ports}
    random = np.random.default_rng(0)
    yield "seeded", {port.name: _draw(random, port, resolved[port.name]) for port in ports}
    if not ports:
        return
    for name, number in (("zeros", 0), ("ones", 1)):
        yield name, {port.name: _fill(port, resolved[port.name], number) for port in ports}
    floats = [port for port in ports if port.dtype.startswith("float")]
    for name, bad in (("nan", np.nan), ("inf", np.inf), ("minus-inf", -np.inf)):
        if not floats:
            break
        spoilt = {port.name: _draw(random, port, resolved[port.name]) for port in ports}
        for port in floats:
            spoilt[port.name].reshape(-1)[spoilt[port.name].size // 2 :][:1] = bad
        yield name, spoilt


def _shape(port: Port, shapes: Shapes, size: int) -> tuple[int, ...]:
    if port.name in shapes:
        return shapes[port.name]
    open_dimensions = port.shape or ()
    # The first is nearly always the batch.
    return tuple(
        one if isinstance(one, int) else (1 if i == 0 and len(open_dimensions) > 1 else size)
        for i, one in enumerate(open_dimensions)
    )


def _has_open_dimension(ports: Sequence[Port], shapes: Shapes) -> bool:
    return any(
        isinstance(one, str)
        for port in ports
        if port.name not in shapes
        for one in port.shape or ()
    )


def _draw(random: np.random.Generator, port: Port, shape: tuple[int, ...]) -> Array:
    if port.dtype == "string":
        return np.array(random.choice(["", "a", "word", "Ünïcode"], shape), str)
    if port.dtype.startswith("float"):
        return np.asarray(random.normal(0, 1, shape)).astype(port.dtype)
    # 0 and 1 are indices and choices wherever anything is one.
    return np.asarray(random.integers(0, 2, shape)).astype(port.dtype)


def _fill(port: Port, shape: tuple[int, ...], number: int) -> Array:
    if port.dtype == "string":
        return np.full(shape, str(number))
    return np.full(shape, number, port.dtype)


def write_case(case: StoredCase, folder: Path) -> Path:
    """Write a case as an .npz archive that ``read_case`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{case.name}.npz"
    said = {name + EXPECT: np.array(word) for name, word in case.expected.items()}
    write_npz(path, {**case.inputs, **case.outputs, **said})
    return path
