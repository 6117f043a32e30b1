"""The PyTorch network behind an exported file, with the weights that the manifest names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from export.catalog import MODELS
from export.manifest import Manifest, ModelFile
from verify.matrix.subjects import Networks, SubjectError

if TYPE_CHECKING:
    from torch import nn


def networks_of(manifest: Manifest, checkpoints: Path | None) -> Networks:
    """Rebuild a file's network; ``checkpoints`` is the folder that was given to export, if any.

    The function returned raises SubjectError if the weights are missing, or are not those of the
    manifest.
    """
    entries = {entry.path: entry for entry in manifest.files}

    def build(file: Path) -> tuple[nn.Module, tuple[str, ...]]:
        entry = entries[file.name]
        network = _load(entry, checkpoints)
        if entry.stage is not None:
            from export.nets.stages import cut

            network = cut(network.get_submodule("network"), [entry.stage])[entry.stage]
        return network, tuple(output.name for output in entry.outputs)

    return build


def prove_weights(manifest: Manifest, files: Sequence[ModelFile], checkpoints: Path | None) -> None:
    """SubjectError unless every entry of these files' models names weights that are there.

    Their thresholds must be those of the weights. Where references are kept no network is built,
    and nothing else would look.
    """
    models = {entry.model for entry in files}
    for entry in manifest.files:
        if entry.model in models:
            _find(entry, checkpoints)


def _load(entry: ModelFile, checkpoints: Path | None) -> nn.Module:
    from export.load.checkpoint import CheckpointError
    from export.load.network import load_network

    try:
        return load_network(MODELS[entry.model], _find(entry, checkpoints), entry.epsilon)
    except CheckpointError as error:
        raise SubjectError(str(error)) from None


def _find(entry: ModelFile, checkpoints: Path | None) -> Path | None:
    """The weights that the manifest names; None if they are random."""
    from export.load.sources import RANDOM, Weights, WeightsError, choose_source

    model, sha256 = MODELS[entry.model], entry.checkpoint_sha256
    if sha256 and entry.weights == "checkpoint" and checkpoints is None:
        raise SubjectError(
            f"{entry.path} was made from a checkpoint; say where it lies: "
            "make verify CHECKPOINTS=DIR, or python -m verify --checkpoints DIR"
        )
    try:
        weights: Weights | None = Weights(RANDOM, None)
        if sha256:
            weights = choose_source(checkpoints, None if checkpoints else entry.weights)(model)
        if weights is None or weights.sha256 != sha256:
            found = weights.sha256[:12] if weights and weights.sha256 else "none"
            raise SubjectError(
                f"{entry.path} was made from {model.checkpoint} with SHA-256 "
                f"{sha256 and sha256[:12]}, found {found}; give the folder that export was given"
            )
        if weights.thresholds(model) != entry.thresholds:
            raise SubjectError(
                f"{entry.path}: thresholds are {entry.thresholds}, expected those of the weights, "
                f"{weights.thresholds(model)}; run `make export` again"
            )
        return weights.path
    except WeightsError as error:
        raise SubjectError(str(error)) from None
