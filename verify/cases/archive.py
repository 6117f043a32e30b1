"""An .npz archive that anyone may have written: arrays by name, and no code."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from verify.compare import Array
from verify.runtimes.values import Tensors, to_array

MOST_BYTES = 2**32
"""Of all arrays together, unpacked."""


class CaseError(ValueError):
    """A case cannot be used; the message names it, and says what to store instead."""


def read_npz(path: Path) -> Tensors:
    """Every array of an archive by name; CaseError if it is none, or holds objects or too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(set(names)) < len(names):
                raise CaseError(f"{path} holds two arrays of one name")
            total = sum(member.file_size for member in members)
            if total > MOST_BYTES:
                raise CaseError(f"{path} unpacks to {total:,} bytes, over {MOST_BYTES:,}")
            arrays = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as stream:
                    arrays[name] = _read_npy(stream, member.file_size, f"{path}: {name}")
            return arrays
    except FileNotFoundError:
        raise CaseError(f"{path} does not exist") from None
    except (
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,  # another compression
        RuntimeError,  # encrypted
    ) as error:
        raise CaseError(f"{path} is not an .npz archive ({error})") from None


def write_npz(path: Path, arrays: Tensors) -> None:
    """Write an archive; unlike numpy's own function it takes an array called ``file``."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                npy.write_array(stream, np.asarray(value), allow_pickle=False)


def _read_npy(stream: IO[bytes], size: int, who: str) -> Array:
    """One array; CaseError where its head asks for more than follows, or for objects."""
    try:
        version = npy.read_magic(stream)
        read_head = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read_head(stream)
    except (
        ValueError,
        TypeError,
        SyntaxError,
        tokenize.TokenError,  # instead of it, from Python 3.12 on
        RecursionError,
        MemoryError,
    ) as error:
        raise CaseError(f"{who} is not an array in numpy's format ({error})") from None
    if dtype.hasobject:
        raise CaseError(f"{who} holds Python objects (a pickle), which are not read: they run code")
    if dtype.kind not in "biufcUS":
        raise CaseError(f"{who} has type {dtype}; store numbers, booleans or text")
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count * max(dtype.itemsize, 1) > size:
        raise CaseError(f"{who} should have shape {list(shape)}, but only {size:,} bytes follow")
    data = stream.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise CaseError(f"{who} is cut off")
    values: Array = np.frombuffer(data, dtype, count) if data else np.zeros(count, dtype)
    return to_array(values.reshape(shape, order="F" if fortran else "C"))
