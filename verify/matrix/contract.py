"""The manifest's entry of a file, compared with the catalogue and with the file itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from onnx.inliner import inline_local_functions

from export.catalog import HOP_SAMPLES, LOWEST_PITCH, MODELS, NETWORK_RATE_HZ, RATE_HZ
from export.graph.constants import (
    Constant,
    ConstantLostError,
    Role,
    find_constants,
    follow_constants,
    list_initializers,
)
from export.manifest import FILE_NAME, Manifest, ModelFile, TensorInfo, Variant

SMALL = 1e-3
"""Largest addend or floor that is a guard against zero, which the manifest must list."""
_GUARD = re.compile(r"(add|scale|floor|ceiling|compare|epsilon) (\S+) in (.+)")
_MARKS: dict[Variant, frozenset[int]] = {
    "fp32": frozenset(),
    "fp16": frozenset((TensorProto.FLOAT16,)),
    "int8": frozenset((TensorProto.INT8, TensorProto.UINT8)),
}
"""Types of stored tensors that tell a variant from the others."""


class ContractError(ValueError):
    """The manifest contradicts the catalogue or a file; the message says how, and what to do."""


def check(folder: Path, manifest: Manifest, files: Sequence[ModelFile]) -> None:
    """Check the manifest's entries of these whole files, and of their models' stages.

    Raises ContractError. The weights and thresholds are checked where the weights are found
    (``networks``), the bytes where a file is judged (``subjects``).
    """
    for entry in files:
        stages = manifest.find_stages(entry.model) if entry.variant == "fp32" else ()
        expected = MODELS[entry.model].stages if entry.variant == "fp32" else ()
        found = tuple(stage.stage for stage in stages)
        if found != expected:
            text = f"{entry.model} has stages {_list(found)}, expected {_list(expected)}"
            raise ContractError(f"{folder / FILE_NAME}: {text}; run `make export` again")
        for one in (entry, *stages):
            if (folder / one.path).is_file() and (fault := find_fault(folder, one)):
                where = f"{folder / FILE_NAME}, {one.path}"
                raise ContractError(f"{where}: {fault}; run `make export` again")


def find_fault(folder: Path, entry: ModelFile) -> str | None:
    """The first statement of a manifest entry that does not hold, in words; None if all hold."""
    return next(_find_faults(onnx.load(folder / entry.path), entry), None)


def _find_faults(file: onnx.ModelProto, entry: ModelFile) -> Iterator[str]:
    expected = {
        "rate_hz": RATE_HZ,
        "network_rate_hz": NETWORK_RATE_HZ,
        "hop_samples": HOP_SAMPLES,
        "lowest_pitch": LOWEST_PITCH,
        "nodes": len(file.graph.node),
        "ir_version": file.ir_version,
        "inputs": _describe(file.graph.input),
        "outputs": _describe(file.graph.output),
    }
    if entry.stage is None:
        expected["outputs"] = tuple(
            next((o for o in _describe(file.graph.output) if o.name == name), name)
            for name in MODELS[entry.model].outputs
        )
    for field, wanted in expected.items():
        if getattr(entry, field) != wanted:
            yield f"{field} is {getattr(entry, field)}, expected {wanted}"
    stored = {tensor.data_type for tensor in list_initializers(file.graph)}
    for variant, marks in _MARKS.items():
        if variant == entry.variant and marks and not stored & marks:
            yield f"variant is {variant}, but nothing in the file is stored so"
        if variant != entry.variant and stored & marks:
            yield f"variant is {entry.variant}, but the file stores tensors as {variant} does"
    yield from _find_guard_faults(file, entry)


def _find_guard_faults(file: onnx.ModelProto, entry: ModelFile) -> Iterator[str]:
    listed = []
    for line in entry.guards:
        match = _GUARD.fullmatch(line)
        if match is None:
            yield f"guard {line!r} is not of the form `add 1e-08 in layer`"
            return
        role: Role = match[1]  # type: ignore[assignment]  # one of the expression's alternatives
        listed.append(Constant(role, float(match[2]), match[3]))
    try:
        follow_constants(listed, file, "the manifest's guards")
    except ConstantLostError as error:
        yield str(error)
    for found in find_constants(inline_local_functions(file)):
        if found.role not in ("add", "floor", "epsilon") or not 0 < found.value <= SMALL:
            continue
        same = (
            guard
            for guard in listed
            if guard.role == found.role and abs(guard.value - found.value) <= 1e-6 * found.value
        )
        if (guard := next(same, None)) is None:
            yield f"the file has `{found}`, which the manifest's guards do not list"
            return
        listed.remove(guard)  # each is listed as often as the file has it


def _describe(values: Sequence[onnx.ValueInfoProto]) -> tuple[TensorInfo, ...]:
    described = []
    for value in values:
        tensor = value.type.tensor_type
        dtype = str(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        shape = tuple(dim.dim_param or dim.dim_value for dim in tensor.shape.dim)
        described.append(TensorInfo(value.name, dtype, shape))
    return tuple(described)


def _list(names: Sequence[str | None]) -> str:
    return ", ".join(map(str, names)) or "none"
