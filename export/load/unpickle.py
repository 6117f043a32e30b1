"""torch.save's pickle to containers, tensors and inert records; what it asks to call is not called.

A pickle is a program. This one may build containers and tensors; an object of a class becomes a
record of its state, and a call of anything that is not listed here is an UnpicklingError.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor


class _RecordType(type):
    """A class whose objects can be rebuilt but which cannot be called."""

    def __call__(cls, *args: object, **kwargs: object) -> NoReturn:
        raise pickle.UnpicklingError(
            f"it asks to call {cls.__module__}.{cls.__name__}, which is not part of a checkpoint"
        )


class Record(metaclass=_RecordType):
    """What is left of an object of a class: its state, no behaviour."""

    state: object = None

    def __new__(cls, *args: object) -> Record:
        """Whatever the object was made of, nothing of it is used."""
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __hash__(self) -> int:  # sets of them occur
        return id(self)


class _Inert(Record):
    """The result of a known, harmless call that no tensor depends on."""


def _ignore(*args: object) -> Record:
    return _Inert.__new__(_Inert)


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin-1")  # the only use: bytes written by an old pickle protocol


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: object) -> Tensor:
    return data


def _rebuild_tensor(
    storage: Tensor,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    *unused: object,
) -> Tensor:
    counts = (offset, *size, *stride)
    if len(size) != len(stride) or any(not isinstance(n, int) or n < 0 for n in counts):
        raise pickle.UnpicklingError("a tensor's size and stride make no sense")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= storage.numel():
        raise pickle.UnpicklingError("a tensor reaches past the end of its storage")
    return storage.as_strided(size, stride, offset).clone()


_CALLS: dict[tuple[str, str], Callable[..., object]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "set"): set,
    ("builtins", "set"): set,
    ("__builtin__", "getattr"): _ignore,
    ("builtins", "getattr"): _ignore,
    ("numpy", "dtype"): _ignore,
    ("numpy._core.multiarray", "scalar"): _ignore,
    ("numpy.core.multiarray", "scalar"): _ignore,
}
"""All that a checkpoint's pickle may call, and what is done instead."""

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Unpickler(pickle.Unpickler):
    """Builds containers, tensors and records; calls nothing that is not in ``_CALLS``."""

    def __init__(self, archive: zipfile.ZipFile, pickle_name: str) -> None:
        super().__init__(io.BytesIO(archive.read(pickle_name)))
        self._archive = archive
        self._root = pickle_name.removesuffix("data.pkl")
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        """A listed call's stand-in, or a class of records."""
        if (module, name) in _CALLS:
            return _CALLS[module, name]
        return _RecordType(name, (Record,), {"__module__": module})

    def persistent_load(self, reference: object) -> Tensor:
        """A storage of the archive as a tensor of one axis."""
        if not isinstance(reference, tuple) or len(reference) != 5 or reference[0] != "storage":
            raise pickle.UnpicklingError("a reference is not to a tensor's storage")
        _, kind, key, _, count = reference
        dtype = _STORAGES.get(getattr(kind, "__name__", ""))
        if dtype is None:
            raise pickle.UnpicklingError(f"its tensors have the unknown type {kind!r}")
        if key not in self._storages:
            data = self._archive.read(f"{self._root}data/{key}")
            if len(data) != count * dtype.itemsize:
                raise pickle.UnpicklingError(
                    f"storage {key} has {len(data)} bytes, expected {count * dtype.itemsize}"
                )
            empty = torch.empty(0, dtype=dtype)
            self._storages[key] = torch.frombuffer(bytearray(data), dtype=dtype) if data else empty
        return self._storages[key]
