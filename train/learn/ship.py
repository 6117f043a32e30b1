"""Checkpoints of a run → the bundled weights, as deployed networks load them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from export.catalog import Thresholds
from export.load.checkpoint import load_into, load_state
from export.load.sources import THRESHOLD_KEYS
from export.nets.basicamt import BasicAMT
from export.nets.septimbre import SepTimbre


def ship(notes: Path, timbre: Path, out: Path, thresholds: Thresholds) -> list[Path]:
    """Write ``basicamt.safetensors`` and ``septimbre.safetensors`` into ``out``; return both paths.

    ``notes`` and ``timbre`` are files of ``Trainer.save``; the averaged weights are used.
    septimbre gets the same note branch (its b is 0, see trainer.NoteTask). Each file is read back
    strictly before it is moved into place. The thresholds are in the files' metadata, where the
    exporter finds them.
    """
    branch = _averaged(notes)
    basicamt, septimbre = BasicAMT(), SepTimbre()
    missing = basicamt.load_state_dict(branch, strict=False).missing_keys
    assert all(key.startswith("cqt.") for key in missing), missing
    septimbre.note_branch.load_state_dict(branch)
    septimbre.encoder.load_state_dict(_averaged(timbre))
    out.mkdir(parents=True, exist_ok=True)
    written = []
    metadata = {
        key: f"{value:.2f}"
        for key, value in zip(THRESHOLD_KEYS, (thresholds.frame, thresholds.onset), strict=True)
    }
    networks: list[tuple[str, nn.Module]] = [("basicamt", basicamt), ("septimbre", septimbre)]
    for name, network in networks:
        state = {key: value.contiguous() for key, value in network.state_dict().items()}
        target = out / f"{name}.safetensors"
        partial = out / f".{name}.safetensors"
        save_file(state, partial, metadata)
        partial.chmod(0o644)
        load_into(network, load_state(partial), partial)
        partial.replace(target)
        written.append(target)
    return written


def _averaged(path: Path) -> dict[str, torch.Tensor]:
    state = torch.load(path, weights_only=True)["average"]
    assert isinstance(state, dict)
    return state
