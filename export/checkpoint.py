"""Read a checkpoint into a plain state dict, running none of its code.

``torch.save`` writes a zip archive: a pickle, and one file per tensor's storage. A pickle is a
program. This reader lets it build containers and tensors, turns every object of a class into an
inert record, and stops with an error when it asks to call anything else. So it also reads whole
pickled modules whose classes do not exist here.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

State = dict[str, Tensor]
SUFFIXES = (".pth", ".pt", ".safetensors")
WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts commonly store the state dict beside other things."""


class CheckpointError(ValueError):
    """A file is not a usable checkpoint; the message says what was found and what to do."""


def load_state(path: Path) -> State:
    """Every parameter and buffer of a checkpoint by name, as finite CPU tensors.

    Reads ``.safetensors``, and what ``torch.save`` wrote of a state dict or of a whole module.
    Raises CheckpointError.
    """
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            state = _collect(_read_archive(path), path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error})") from None
    if not state:
        raise CheckpointError(f"{path}: holds no tensors; expected a state dict or a module")
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise CheckpointError(
                f"{path}: {name} has {bad} NaN or infinite values of {tensor.numel()}; "
                "training diverged: use an earlier checkpoint"
            )
    return state


def load_into(network: nn.Module, state: State, path: Path) -> None:
    """Copy a state dict into a network; CheckpointError where names or shapes differ."""
    expected = network.state_dict()
    wrong = [
        f"{name} is {tuple(state[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    missing = [name for name in expected if name not in state]
    extra = [name for name in state if name not in expected]
    complaints = wrong[:3]
    if missing:
        complaints.append(f"{len(missing)} missing ({_some(missing)})")
    if extra:
        complaints.append(f"{len(extra)} unknown ({_some(extra)})")
    if complaints:
        raise CheckpointError(
            f"{path}: not a checkpoint of {type(network).__name__}: {'; '.join(complaints)}; "
            "give the file of this model, or choose another model with --models"
        )
    network.load_state_dict(state, strict=True)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


class _RecordType(type):
    """A class whose objects can be rebuilt but which cannot be called."""

    def __call__(cls, *args: object, **kwargs: object) -> NoReturn:
        raise pickle.UnpicklingError(
            f"it asks to call {cls.__module__}.{cls.__name__}, which is not part of a checkpoint"
        )


class _Record(metaclass=_RecordType):
    """What is left of an object of a class: its state, no behaviour."""

    state: object = None

    def __new__(cls, *args: object) -> _Record:
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __hash__(self) -> int:  # sets of them occur
        return id(self)


class _Inert(_Record):
    """The result of a known, harmless call that no tensor depends on."""


def _ignore(*args: object) -> _Record:
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


class _Unpickler(pickle.Unpickler):
    """Builds containers, tensors and records; calls nothing that is not in ``_CALLS``."""

    def __init__(self, archive: zipfile.ZipFile, pickle_name: str) -> None:
        super().__init__(io.BytesIO(archive.read(pickle_name)))
        self.archive = archive
        self.root = pickle_name.removesuffix("data.pkl")
        self.storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        if (module, name) in _CALLS:
            return _CALLS[module, name]
        return _RecordType(name, (_Record,), {"__module__": module})

    def persistent_load(self, reference: object) -> Tensor:
        if not isinstance(reference, tuple) or len(reference) != 5 or reference[0] != "storage":
            raise pickle.UnpicklingError("a reference is not to a tensor's storage")
        _, kind, key, _, count = reference
        dtype = _STORAGES.get(getattr(kind, "__name__", ""))
        if dtype is None:
            raise pickle.UnpicklingError(f"its tensors have the unknown type {kind!r}")
        if key not in self.storages:
            data = self.archive.read(f"{self.root}data/{key}")
            if len(data) != count * dtype.itemsize:
                raise pickle.UnpicklingError(
                    f"storage {key} has {len(data)} bytes, expected {count * dtype.itemsize}"
                )
            empty = torch.empty(0, dtype=dtype)
            self.storages[key] = torch.frombuffer(bytearray(data), dtype=dtype) if data else empty
        return self.storages[key]


def _read_archive(path: Path) -> object:
    advice = "expected what torch.save writes (torch ≥ 1.6), or .safetensors"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            pickles = [name for name in names if name.endswith("data.pkl")]
            if len(pickles) != 1:
                raise CheckpointError(f"{path}: a zip archive without a checkpoint; {advice}")
            order = pickles[0].removesuffix("data.pkl") + "byteorder"
            if order in names and archive.read(order) != b"little":
                raise CheckpointError(f"{path}: written on a big-endian machine; save it again")
            return _Unpickler(archive, pickles[0]).load()
    except zipfile.BadZipFile:
        with path.open("rb") as stream:
            start = stream.read(512).lstrip()
        if not start:
            found = "an empty file"
        elif start.startswith(b"PK"):
            found = "truncated, download it again"
        elif start[:1] == b"<":
            found = "a web page, download the raw file"
        else:
            found = "not a checkpoint"
        raise CheckpointError(f"{path}: {found}; {advice}") from None
    except CheckpointError:
        raise
    except OSError:
        raise
    except Exception as error:  # a hostile pickle can make the unpickler raise anything
        raise CheckpointError(f"{path}: refused: {error}; {advice}") from None


def _collect(root: object, path: Path) -> State:
    if isinstance(root, dict):
        for key in WRAPPERS:
            if isinstance(root.get(key), (dict, _Record)):
                return _collect(root[key], path)
        return {name: value for name, value in root.items() if isinstance(value, Tensor)}
    if isinstance(root, _Record):
        state: State = {}
        _collect_module(root, "", state, set())
        return state
    found = type(root).__name__
    raise CheckpointError(f"{path}: holds a {found}, expected a state dict or a module")


def _collect_module(module: _Record, prefix: str, state: State, seen: set[int]) -> None:
    """Add a module's tensors in the order, and under the names, of ``Module.state_dict``."""
    if not isinstance(module.state, dict) or id(module) in seen:
        return
    seen.add(id(module))
    unsaved = module.state.get("_non_persistent_buffers_set") or ()
    for group in ("_parameters", "_buffers"):
        for name, tensor in (module.state.get(group) or {}).items():
            if isinstance(tensor, Tensor) and name not in unsaved:
                state[prefix + name] = tensor
    for name, child in (module.state.get("_modules") or {}).items():
        if isinstance(child, _Record):
            _collect_module(child, f"{prefix}{name}.", state, seen)
