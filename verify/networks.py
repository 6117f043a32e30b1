"""The PyTorch network behind an exported file, with the weights that the manifest names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from export.catalog import MODELS
from export.manifest import Manifest, ModelFile, sha256_of
from verify.subjects import Networks, SubjectError

if TYPE_CHECKING:
    from torch import nn

_SEED = 0
"""Of the stand-in weights, as export draws them."""


def behind(manifest: Manifest, checkpoints: Path | None) -> Networks:
    """Rebuild networks from the checkpoints in a folder; it fails on a checkpoint of other bytes.

    What it returns raises SubjectError where the checkpoint is not there or not the one.
    """
    entries = {entry.path: entry for entry in manifest.files}

    def build(file: Path) -> tuple[nn.Module, tuple[str, ...]]:
        return _network(entries[file.name], checkpoints), MODELS[entries[file.name].model].outputs

    return build


def _network(entry: ModelFile, checkpoints: Path | None) -> nn.Module:
    import torch

    from export.checkpoint import SUFFIXES, load_into, load_state

    torch.manual_seed(_SEED)
    network = MODELS[entry.model].build(entry.epsilon)
    if entry.checkpoint_sha256 is None:
        return network
    stem = MODELS[entry.model].checkpoint
    folder = checkpoints
    if folder is None:
        raise SubjectError(
            f"{entry.path} was made from a checkpoint ({entry.weights}); "
            "say where it lies: make verify CHECKPOINTS=DIR"
        )
    for suffix in SUFFIXES:
        path = folder / f"{stem}{suffix}"
        if path.is_file() and sha256_of(path) == entry.checkpoint_sha256:
            load_into(network.network, load_state(path), path)  # type: ignore[arg-type]  # nn.Module types its children as Tensor | Module
            return network
    raise SubjectError(
        f"{folder} holds no {stem} with SHA-256 {entry.checkpoint_sha256[:12]}…, "
        f"which {entry.path} was made from; give the folder that export was given"
    )
