"""torch.save's zip archive: a pickle, and one file for the storage of tensors that share it.

Nothing that the archive says about itself is trusted: sizes are those of the file on disk, and a
tensor is made only if its storage, size and stride agree.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from export.load.unpickle import Storage, UnpicklingError, View, read_pickle

MOST_TIMES = 4
"""How many times a file's numbers may be used: views share them, and an axis of stride 0 repeats
them."""
MOST_AXES = 64
"""torch's own limit."""
_DTYPES = {
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


class Archive:
    """An open archive, and the content of its pickle, whose tensors are not made yet.

    Raises UnpicklingError if the pickle is not a checkpoint's, OSError, and zipfile's errors.
    """

    def __init__(self, path: Path) -> None:
        self._bytes = path.stat().st_size
        self._file = zipfile.ZipFile(path)
        self._storages: dict[str, bytearray] = {}
        try:
            self._prefix = self._check()
            self.root = read_pickle(self._file.read(f"{self._prefix}data.pkl"))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def make_tensors(self, views: Mapping[str, View]) -> dict[str, Tensor]:
        """A tensor for each view, with its own numbers; UnpicklingError if one is impossible.

        A view under two names becomes one tensor.
        """
        made: dict[int, Tensor] = {}
        needed = 0
        for view in views.values():
            if id(view) not in made:
                dtype, count = self._measure(view)
                needed += count * dtype.itemsize
                if needed > MOST_TIMES * self._bytes:
                    raise UnpicklingError(
                        f"its tensors take over {MOST_TIMES} times the file's {self._bytes} bytes"
                    )
                made[id(view)] = self._make(view, dtype)
        return {name: made[id(view)] for name, view in views.items()}

    def _check(self) -> str:
        """The folder of the archive's files."""
        entries = self._file.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > self._bytes:
            raise UnpicklingError(
                f"it unpacks to {unpacked} bytes, the file has {self._bytes}; torch.save does not "
                "compress: save it again"
            )
        names = [entry.filename for entry in entries]
        pickles = [name for name in names if name.endswith("data.pkl")]
        if len(pickles) != 1:
            raise UnpicklingError("a zip archive without a checkpoint")
        prefix = pickles[0].removesuffix("data.pkl")
        order = f"{prefix}byteorder"
        if order in names and self._file.read(order) != b"little":
            raise UnpicklingError("written on a big-endian machine: save it again")
        return prefix

    def _measure(self, view: View) -> tuple[torch.dtype, int]:
        """Type and number of a view's elements, after checking that its storage has them all."""
        storage = view.storage
        if not isinstance(storage, Storage):
            raise UnpicklingError("a tensor has no storage")
        if (dtype := _DTYPES.get(storage.kind)) is None:
            raise UnpicklingError(f"its tensors have the unknown type torch.{storage.kind[:40]!a}")
        lists = (view.size, view.stride)
        if not all(isinstance(values, tuple) and len(values) <= MOST_AXES for values in lists):
            raise UnpicklingError("a tensor's size and stride make no sense")
        numbers = (view.offset, *view.size, *view.stride)
        if len(view.size) != len(view.stride) or not all(
            type(number) is int and 0 <= number < 2**63 for number in numbers
        ):
            raise UnpicklingError("a tensor's size and stride make no sense")
        count = math.prod(view.size)
        steps = zip(view.size, view.stride, strict=True)
        last = view.offset + sum((size - 1) * stride for size, stride in steps)
        if count and last >= storage.count:
            raise UnpicklingError("a tensor reaches past the end of its storage")
        return dtype, count

    def _make(self, view: View, dtype: torch.dtype) -> Tensor:
        data = self._read(view.storage.key)
        expected = view.storage.count * dtype.itemsize
        if len(data) != expected:
            raise UnpicklingError(
                f"storage {view.storage.key[:40]!a} has {len(data)} bytes, expected {expected}"
            )
        if not data:
            return torch.empty(view.size, dtype=dtype)
        numbers = torch.frombuffer(data, dtype=dtype)
        return numbers.as_strided(view.size, view.stride, view.offset).clone()

    def _read(self, key: str) -> bytearray:
        if key not in self._storages:
            self._storages[key] = bytearray(self._file.read(f"{self._prefix}data/{key}"))
        return self._storages[key]
