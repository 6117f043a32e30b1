"""Tensors as bytes between this process and another, a page (page/wire.js) or a child."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from verify.compare import Array, type_name
from verify.runtimes.values import Tensors

_ALIGNMENT = 8
"""As in page/wire.js."""


def pack(tensors: Mapping[str, Array]) -> tuple[list[dict[str, Any]], bytes]:
    """Names, types, shapes and lengths of tensors, and their bytes one after another."""
    wires, parts = [], []
    for name, value in tensors.items():
        part = np.ascontiguousarray(value).reshape(value.shape)
        strings = part.dtype.kind == "U"
        data = json.dumps(part.reshape(-1).tolist()).encode() if strings else part.tobytes()
        wires.append(
            {"name": name, "dtype": type_name(part), "shape": part.shape, "bytes": len(data)}
        )
        parts.append(fill(data))
    return wires, b"".join(parts)


def fill(data: bytes) -> bytes:
    """Up to a multiple of the alignment."""
    return data + bytes(-len(data) % _ALIGNMENT)


def unpack(data: bytes, wires: Sequence[Mapping[str, Any]]) -> Tensors:
    """Tensors from the bytes that were sent."""
    outputs, start = {}, 0
    for wire in wires:
        size = wire["bytes"]
        if wire["dtype"] == "string":
            values = np.array(json.loads(data[start : start + size]), str)
        else:
            dtype = np.dtype(wire["dtype"])
            values = np.frombuffer(data, dtype, size // dtype.itemsize, start)
        outputs[wire["name"]] = values.reshape(wire["shape"])
        start += size + -size % _ALIGNMENT
    return outputs
