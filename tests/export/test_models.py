"""All models as files: the lengths, the unusual inputs, and upstream's own outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from export import prove
from export.catalog import MODELS
from export.load.bands import InBands
from export.load.checkpoint import load_into, load_state
from export.manifest import Manifest
from tests.conftest import make_music, read_mono
from tests.export.nets.test_networks import LENGTHS, TOLERANCE, UNUSUAL

GOLDEN = ("basicamt", "septimbre", "septimbre_encoder", "basicpitch")


def open_session(models: Path, name: str) -> ort.InferenceSession:
    return prove.open_session(models / Manifest.read(models).find(name).path)


@pytest.mark.parametrize("name", MODELS)
def test_every_length_is_what_float64_says(name: str, models: Path, checkpoints: Path) -> None:
    model = MODELS[name]
    torch.manual_seed(0)
    network = model.build().eval()
    path = checkpoints / f"{model.checkpoint}.pth"
    if path.exists():
        load_into(network.get_submodule("network"), load_state(path), path)
    network.double()
    session = open_session(models, name)
    for length in LENGTHS:
        audio = make_music(2)[..., :length]
        with torch.no_grad(), InBands():
            truth = network(torch.from_numpy(audio).double())
        found = session.run(list(model.outputs), {"audio": audio})
        for output, ours, expected in zip(model.outputs, found, truth, strict=True):
            assert ours.shape == expected.shape
            assert np.abs(ours - expected.numpy()).max() <= TOLERANCE[output], (length, output)


@pytest.mark.parametrize("name", GOLDEN)
def test_files_give_upstreams_outputs(name: str, models: Path, shared: Path) -> None:
    golden = np.load(shared / "golden" / f"{MODELS[name].checkpoint}_44100.piano_short.npz")
    audio = read_mono(shared / "audio" / "piano_short.wav")
    outputs = MODELS[name].outputs
    for output, ours in zip(
        outputs, open_session(models, name).run(list(outputs), {"audio": audio}), strict=True
    ):
        assert ours.shape == golden[output].shape
        assert np.abs(ours - golden[output]).max() <= TOLERANCE[output], output


@pytest.mark.parametrize("name", MODELS)
def test_unusual_input_gives_numbers(name: str, models: Path) -> None:
    session = open_session(models, name)
    for kind, audio in UNUSUAL.items():
        found = session.run(None, {"audio": audio.astype(np.float32)[None, None]})
        for output, values in zip(MODELS[name].outputs, found, strict=True):
            assert np.isfinite(values).all(), (kind, output)
            assert np.abs(values).max() <= 1 + 1e-6, (kind, output)
            assert output == "embedding" or values.min() >= 0, (kind, output)
            assert kind not in ("silence", "all NaN") or not values.any(), output


def test_sizes(models: Path) -> None:
    """Limits; upstream's files have 469 190 bytes and 286 nodes, and 689 994 and 336."""
    for name, most_bytes, most_nodes in (("basicamt", 170_000, 120), ("septimbre", 280_000, 170)):
        file = Manifest.read(models).find(name)
        assert file.bytes <= most_bytes
        assert file.nodes <= most_nodes
        operators = {node.op_type for node in onnx.load(models / file.path).graph.node}
        assert "ScatterND" not in operators
