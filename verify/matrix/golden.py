"""Outputs of the networks from when their weights were trained, so that no change goes unseen.

Files are compared with the networks of this checkout. A network that computes another function
than it was trained for is wrong in file and reference alike, and only numbers from before can show
it. ``golden.npz`` holds some: the bundled weights in float64 on a second of the bundled music,
every STRIDE-th value of each output. Whatever weights are judged, these are checked too.

python -m verify.matrix.golden   writes the file again, after a change that is intended
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from export.catalog import EPSILON, MODELS
from export.example import read_example
from verify.compare import Array, DisagreementError, Tolerance, compare

PATH = Path(__file__).with_name("golden.npz")
SECONDS = 1.0
STRIDE = 97
"""A prime, so that the values kept are from every pitch and frame."""
MODELS_HELD = ("basicamt", "septimbre")
"""Those with bundled weights; between them they hold every layer of both networks."""
TOLERANCE = Tolerance(1e-6, "stored in float32; float64 differs by 1e-12 between machines")


class GoldenError(AssertionError):
    """A network of this checkout is not the one that was trained."""


def prove_networks() -> None:
    """Run the bundled weights and compare with the golden numbers; raises GoldenError."""
    with np.load(PATH) as archive:
        golden = {name: archive[name].astype(np.float64) for name in archive.files}
    try:
        compare(compute(), golden, dict.fromkeys(golden, TOLERANCE))
    except DisagreementError as error:
        raise GoldenError(
            f"the networks no longer compute what the bundled weights were trained for: {error}"
        ) from None


def compute() -> dict[str, Array]:
    """Every STRIDE-th value of each output, by ``model.output``, in float64."""
    import torch

    from export.load.network import load_network
    from export.load.sources import from_bundle

    values: dict[str, Array] = {}
    for name in MODELS_HELD:
        model = MODELS[name]
        weights = from_bundle(model)
        network = load_network(model, weights.path if weights else None, EPSILON).double()
        audio = torch.from_numpy(read_example(SECONDS)).double()
        with torch.inference_mode():
            outputs = dict(zip(model.outputs, network(audio), strict=True))
        for output, value in outputs.items():
            values[f"{name}.{output}"] = value.numpy().reshape(-1)[::STRIDE]
    return values


if __name__ == "__main__":
    arrays: dict[str, Any] = {name: v.astype(np.float32) for name, v in compute().items()}
    np.savez_compressed(PATH, **arrays)
    print(f"wrote {PATH}: {PATH.stat().st_size} bytes")
    sys.exit(0)
