"""Read a checkpoint into a plain state dict, running none of its code.

``torch.save`` writes a zip archive: a pickle, and one file per tensor's storage. The pickle is read
as data (``unpickle``), so whole pickled modules whose classes do not exist here are read too.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from export.load.unpickle import Record, Unpickler

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
    except (AttributeError, TypeError) as error:  # a hostile pickle's state may be anything
        raise CheckpointError(f"{path}: refused: {error}") from None
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
            return Unpickler(archive, pickles[0]).load()
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
            if isinstance(root.get(key), (dict, Record)):
                return _collect(root[key], path)
        return {name: value for name, value in root.items() if isinstance(value, Tensor)}
    if isinstance(root, Record):
        state: State = {}
        _collect_module(root, "", state, set())
        return state
    found = type(root).__name__
    raise CheckpointError(f"{path}: holds a {found}, expected a state dict or a module")


def _collect_module(module: Record, prefix: str, state: State, seen: set[int]) -> None:
    """Add a module's tensors in the order, and under the names, of ``Module.state_dict``.

    A module that is shared comes under its first name only.
    """
    if not isinstance(module.state, dict) or id(module) in seen:
        return
    seen.add(id(module))
    unsaved = module.state.get("_non_persistent_buffers_set") or ()
    for group in ("_parameters", "_buffers"):
        for name, tensor in (module.state.get(group) or {}).items():
            if isinstance(tensor, Tensor) and name not in unsaved:
                state[prefix + name] = tensor
    for name, child in (module.state.get("_modules") or {}).items():
        if isinstance(child, Record):
            _collect_module(child, f"{prefix}{name}.", state, seen)
