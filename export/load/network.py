"""A network with its trained weights."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from export.catalog import Model
from export.load.sources import SEED

if TYPE_CHECKING:
    from torch import nn

_alone = Lock()
"""Random weights come from one generator, which several threads would take turns at."""


def load_network(model: Model, checkpoint: Path | None, epsilon: float) -> nn.Module:
    """A model's deployed network, in evaluation mode; random weights without a checkpoint.

    Raises CheckpointError if the file does not hold the network's weights.
    """
    # torch takes seconds to import, which --help and an up-to-date folder do not need.
    import torch

    from export.load.checkpoint import load_into, load_state

    with _alone:
        torch.manual_seed(SEED)
        deployed = model.build(epsilon).eval()
    if checkpoint is not None:
        load_into(deployed.get_submodule("network"), load_state(checkpoint), checkpoint)
    return deployed
