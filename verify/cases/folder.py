"""A folder as ONNX's own tests have it: input_0.pb, output_0.pb and so on, in the model's order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from verify.cases.archive import CaseError
from verify.runtimes.onnx_file import WIDE, Port
from verify.runtimes.values import Tensors, spread


def is_folder(path: Path) -> bool:
    """Whether it holds a case in ONNX's manner."""
    return any((path / name).is_file() for name in ("input_0.pb", "output_0.pb"))


def read_folder(path: Path, inputs: Sequence[Port], outputs: Sequence[Port]) -> Tensors:
    """Inputs and outputs by name; CaseError for a file that is cut off or of another type.

    An output without a file is left out, for the caller to miss.
    """
    tensors: Tensors = {}
    for kind, ports in (("input", inputs), ("output", outputs)):
        for i, port in enumerate(ports):
            file = path / f"{kind}_{i}.pb"
            if file.is_symlink():
                raise CaseError(f"{file} is a link, which is not followed")
            if file.is_file():
                tensors |= decode(port, file.read_bytes(), str(file))
    return tensors


def decode(port: Port, data: bytes, who: str) -> Tensors:
    """The tensors of one serialised value, of the kind that its port takes or gives."""
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import numpy_helper as helper

    read: dict[str, tuple[Any, Any]] = {
        "tensor": (onnx.TensorProto, helper.to_array),
        "sequence": (onnx.SequenceProto, helper.to_list),
        "optional": (onnx.OptionalProto, helper.to_optional),
    }
    if port.kind not in read:
        raise CaseError(f"{who}: {port.name} is a {port.stored}, which this tool cannot feed")
    message, convert = read[port.kind]
    try:
        parsed = message.FromString(data)
        if port.kind == "tensor" and parsed.external_data:
            raise CaseError(f"{who} keeps its values in another file, which is not read")
        return spread(port.name, widen(port, convert(parsed)))
    except (DecodeError, ValueError, TypeError, OSError, MemoryError) as error:
        raise CaseError(f"{who} is no {port.kind} in ONNX's format ({error})") from None


def widen(port: Port, value: Any) -> Any:  # noqa: ANN401  # a tensor, or what holds tensors
    """Values of a type that numpy lacks as the type that a runtime is given instead."""
    if isinstance(value, np.ndarray) and port.kind == "tensor" and port.stored in WIDE:
        return value.astype(port.dtype)
    return value
