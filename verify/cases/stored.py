"""A stored case: an .npz archive, or a folder of .pb files, held against what the model takes.

Beside the arrays an archive may say of an output ``y`` that it ought not to be finite, or to be
empty: ``numpy.savez(..., y=y, **{"y.expect": "nonfinite"})``; a folder says it in expect.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from verify.cases.archive import CaseError, read_npz
from verify.cases.folder import is_folder, read_folder
from verify.compare import Array, Expectation, type_name
from verify.runtimes.onnx_file import OnnxFile, Port
from verify.runtimes.values import COUNT, Tensors

EXPECT = ".expect"


@dataclass(frozen=True, eq=False)
class StoredCase:
    """Inputs and expected outputs by name, as ``values.spread`` names them."""

    name: str
    inputs: Tensors
    outputs: Tensors
    expected: Mapping[str, Expectation]
    dtypes: Mapping[str, str]
    """The type that each output has in the file, where the reference has a wider one."""


def read_case(path: Path, file: OnnxFile, *, outputs: bool = True) -> StoredCase:
    """Read and check a case; CaseError says in one line what is wrong with it.

    Without ``outputs`` it needs only inputs.
    """
    if path.is_dir():
        if not is_folder(path):
            raise CaseError(f"{path} holds no input_0.pb or output_0.pb, nor is it an .npz archive")
        tensors = read_folder(path, file.inputs, file.outputs)
        said = _read_expectations(path / "expect.json")
    else:
        arrays = read_npz(path)
        said = {
            name.removesuffix(EXPECT): str(value)
            for name, value in arrays.items()
            if name.endswith(EXPECT)
        }
        tensors = {name: value for name, value in arrays.items() if not name.endswith(EXPECT)}
    inputs = dict(_choose(file.inputs, tensors, path))
    wanted = dict(_choose(file.outputs, tensors, path)) if outputs else {}
    if outputs and not wanted:
        raise CaseError(
            f"{path}: {file.path.name} gives no outputs, so there is nothing to compare"
        )
    _prove_inputs(path, file.inputs, inputs)
    expected = _expectations(path, said, wanted)
    return StoredCase(path.stem, inputs, wanted, expected, narrower(file.outputs, wanted))


def narrower(ports: Sequence[Port], outputs: Mapping[str, Array]) -> dict[str, str]:
    """The file's own type where a float reference is wider: PyTorch in float64, say."""
    return {
        port.name: port.dtype
        for port in ports
        if port.name in outputs
        and outputs[port.name].dtype.kind == "f"
        and port.dtype.startswith("float")
        and type_name(outputs[port.name]) != port.dtype
    }


def _choose(
    ports: Sequence[Port], tensors: Mapping[str, Array], path: Path
) -> Iterator[tuple[str, Array]]:
    """What belongs to these ports; CaseError if one has nothing."""
    missing = []
    for port in ports:
        names = [name for name in tensors if name == port.name or _is_part(name, port)]
        if not names:
            missing.append(port.name)
        yield from ((name, tensors[name]) for name in names)
    if missing:
        lower = {name.lower(): name for name in tensors}
        near = [lower[name.lower()] for name in missing if name.lower() in lower]
        raise CaseError(
            f"{path} holds {', '.join(tensors) or 'nothing'}; missing: {', '.join(missing)} "
            + (f"(upper and lower case matter: {', '.join(near)})" if near else "")
            + ("" if near else "(save one array for each input and output, by name)")
        )


def _is_part(name: str, port: Port) -> bool:
    return port.kind != "tensor" and (
        name == port.name + COUNT or (name.startswith(f"{port.name}[") and name.endswith("]"))
    )


def _prove_inputs(path: Path, ports: Sequence[Port], inputs: Mapping[str, Array]) -> None:
    """CaseError for an input of another type or rank than the file takes."""
    for port in ports:
        if port.name not in inputs:
            continue
        value = inputs[port.name]
        if port.dtype and type_name(value) != port.dtype:
            raise CaseError(
                f"{path}: {port.name} is {type_name(value)}, the file takes {port.dtype}; "
                f"store {port.name}.astype({port.dtype!r})"
            )
        if port.shape is not None and len(port.shape) != value.ndim:
            raise CaseError(
                f"{path}: {port.name} has shape {list(value.shape)}, "
                f"the file takes [{', '.join(map(str, port.shape))}]"
            )


def _expectations(
    path: Path, said: Mapping[str, Any], outputs: Mapping[str, Array]
) -> dict[str, Expectation]:
    allowed = get_args(Expectation)
    for name, word in said.items():
        if outputs and name not in outputs:
            raise CaseError(f"{path} says what to expect of {name}, which is no output")
        if word not in allowed:
            raise CaseError(
                f"{path} expects {name} to be {word!r}; it may be {' or '.join(allowed)}"
            )
    for name, value in outputs.items():
        if not value.size and said.get(name) != "empty":
            raise CaseError(
                f"{path}: {name} holds no element, so there is nothing to compare; "
                f'if that is right, store {name}{EXPECT} = "empty"'
            )
    return {name: word for name, word in said.items() if name in outputs}


def _read_expectations(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError):
        said = None
    if not isinstance(said, dict):
        raise CaseError(f"{path} is not JSON of outputs and expectations")
    return said
