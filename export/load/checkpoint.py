"""Read a checkpoint into a plain state dict, without running its code.

The pickle in a file of ``torch.save`` is read as data (``unpickle``), so that whole pickled modules
are read too, although their classes do not exist here.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from export.load.archive import Archive
from export.load.unpickle import Group, Record, UnpicklingError, View, quote

State = dict[str, Tensor]
SUFFIXES = (".pth", ".pt", ".safetensors")
WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts commonly store the state dict along with other things."""
LONGEST_NAME = 500
"""Most characters of a tensor's name, which also limits the depth of nested modules."""


class CheckpointError(ValueError):
    """A file is not a usable checkpoint; the message says what was found and what to do."""


def load_state(path: Path) -> State:
    """Every parameter and buffer of a checkpoint by name, as finite CPU tensors.

    Reads ``.safetensors``, and files of ``torch.save`` with a state dict or a whole module.
    Raises CheckpointError.
    """
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            state = _read_archive(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error})") from None
    if not state:
        raise CheckpointError(f"{path}: holds no tensors; expected a state dict or a module")
    for name, tensor in state.items():
        numbers = tensor.double() if tensor.is_floating_point() else tensor  # isfinite of float8
        if not torch.isfinite(numbers).all():
            bad = int((~torch.isfinite(numbers)).sum())
            raise CheckpointError(
                f"{path}: {name} has {bad} NaN or infinite values of {tensor.numel()}; "
                "training diverged: use an earlier checkpoint"
            )
    return state


def load_into(network: nn.Module, state: State, path: Path) -> None:
    """Copy a state dict into a network; CheckpointError if names or shapes differ."""
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


def _read_archive(path: Path) -> State:
    advice = "expected a file of torch.save (torch ≥ 1.6), or .safetensors"
    try:
        with Archive(path) as archive:
            return archive.make_tensors(_collect(archive.root))
    except zipfile.BadZipFile:
        raise CheckpointError(f"{path}: {_recognise(path)}; {advice}") from None
    except UnpicklingError as error:
        raise CheckpointError(f"{path}: refused: {error}; {advice}") from None
    except _ZIP_ERRORS as error:
        raise CheckpointError(f"{path}: refused: damaged ({error}); {advice}") from None


_ZIP_ERRORS = (KeyError, RuntimeError, ValueError, EOFError, zlib.error)
"""Exceptions of zipfile, besides its own, for archives that are damaged or encrypted."""


def _recognise(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(512).lstrip()
    if not start:
        return "an empty file"
    if start.startswith(b"PK"):
        return "truncated, download it again"
    return "a web page, download the raw file" if start[:1] == b"<" else "not a checkpoint"


def _collect(root: object) -> dict[str, View]:
    """The views of a state dict or a module, which may be wrapped in other things."""
    seen: set[int] = set()
    while isinstance(root, dict):
        if id(root) in seen:
            raise UnpicklingError("its state dict holds itself")
        seen.add(id(root))
        inner = [root[key] for key in WRAPPERS if _holds_tensors(root.get(key))]
        if not inner:
            return {_join("", key): view for key, view in root.items() if isinstance(view, View)}
        root = inner[0]
    if isinstance(root, Record):
        module = _Module()
        module.collect(root, "")
        return module.views
    raise UnpicklingError(f"holds a {type(root).__name__}, expected a state dict or a module")


def _holds_tensors(value: object) -> bool:
    """Whether it may be a state dict or a module; a path, say, is a record without state."""
    return isinstance(value, dict) or (isinstance(value, Record) and isinstance(value.state, dict))


def _join(prefix: str, name: str) -> str:
    if len(prefix) + len(name) > LONGEST_NAME or not name.isprintable():
        raise UnpicklingError(f"a tensor has the name {quote(name)}")
    return prefix + name


class _Module:
    """Gathers a module's views in the order and under the names of ``Module.state_dict``.

    A shared module appears only under its first name.
    """

    def __init__(self) -> None:
        self.views: dict[str, View] = {}
        self._seen: set[int] = set()
        self._names: dict[int, frozenset[str]] = {}
        """Sets that were searched already: one list may be in many modules."""

    def collect(self, module: Record, prefix: str) -> None:
        """Add a module's views and those of its children; names limit the depth."""
        if not isinstance(module.state, dict) or id(module) in self._seen:
            return
        self._seen.add(id(module))
        unsaved = self._list_names(module.state.get("_non_persistent_buffers_set"))
        for group in ("_parameters", "_buffers"):
            for name, view in _take_dict(module.state, group).items():
                if isinstance(view, View) and name not in unsaved:
                    self.views[_join(prefix, name)] = view
        for name, child in _take_dict(module.state, "_modules").items():
            if isinstance(child, Record):
                self.collect(child, _join(prefix, f"{name}."))

    def _list_names(self, group: object) -> frozenset[str]:
        if not isinstance(group, Group):
            return frozenset()
        if id(group.items) not in self._names:
            names = frozenset(item for item in group.items if isinstance(item, str))
            self._names[id(group.items)] = names
        return self._names[id(group.items)]


def _take_dict(state: dict[str, object], key: str) -> dict[str, object]:
    found = state.get(key) or {}
    if not isinstance(found, dict):
        raise UnpicklingError(f"a module's {key} is a {type(found).__name__}")
    return found
