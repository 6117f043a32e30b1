"""The PyTorch network behind an exported file, with the weights that the manifest names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from export.catalog import MODELS
from export.manifest import Manifest, ModelFile, StageFile
from verify.matrix.subjects import Networks, SubjectError

if TYPE_CHECKING:
    from torch import nn


def behind(manifest: Manifest, checkpoints: Path | None) -> Networks:
    """Rebuild a file's network; ``checkpoints`` is the folder that was given to export, if any.

    The function returned raises SubjectError if the weights are missing, or are not those of the
    manifest.
    """
    entries = {entry.path: entry for entry in (*manifest.files, *manifest.stages)}

    def build(file: Path) -> tuple[nn.Module, tuple[str, ...]]:
        entry = entries[file.name]
        network = _network(entry, checkpoints)
        if isinstance(entry, StageFile):
            from export.nets.stages import cut

            network = cut(network.get_submodule("network"), [entry.stage])[entry.stage]
        return network, tuple(output.name for output in entry.outputs)

    return build


def _network(entry: ModelFile, checkpoints: Path | None) -> nn.Module:
    import torch

    from export.load.checkpoint import CheckpointError, load_into, load_state
    from export.load.sources import SEED, WeightsError, choose_source

    torch.manual_seed(SEED)
    network = MODELS[entry.model].build(entry.epsilon)
    if entry.checkpoint_sha256 is None:
        return network
    if entry.weights == "checkpoint" and checkpoints is None:
        raise SubjectError(
            f"{entry.path} was made from a checkpoint; say where it lies: "
            "make verify CHECKPOINTS=DIR, or python -m verify --checkpoints DIR"
        )
    stem = MODELS[entry.model].checkpoint
    try:
        weights = choose_source(checkpoints, None if checkpoints else entry.weights)(
            MODELS[entry.model]
        )
        if weights is None or weights.path is None or weights.sha256 != entry.checkpoint_sha256:
            found = weights.sha256[:12] if weights and weights.sha256 else "none"
            raise SubjectError(
                f"{entry.path} was made from {stem} with SHA-256 {entry.checkpoint_sha256[:12]}, "
                f"found {found}; give the folder that export was given"
            )
        load_into(network.get_submodule("network"), load_state(weights.path), weights.path)
    except (WeightsError, CheckpointError) as error:
        raise SubjectError(str(error)) from None
    return network
