"""Models and music to test the page with, in a checkout that has no trained weights.

The stages keep the names, shapes and meaning of the deployed ones, and are good enough to find the
notes of ``make_tune``: the energy near each pitch, its rise, and the first overtone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import soundfile
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.catalog import (
    EMBEDDING_SIZE,
    EPSILON,
    HOP_SAMPLES,
    LOWEST_PITCH,
    MODELS,
    NETWORK_RATE_HZ,
    PITCHES,
    RATE_HZ,
)
from export.describe import Source, describe
from export.graph.constants import find_constants
from export.graph.trace import Traced
from export.load.sources import Weights
from export.manifest import FILE_NAME, Gather, Manifest, ModelFile
from export.nets import stages as nets
from export.options import Options

HOP = HOP_SAMPLES * RATE_HZ // NETWORK_RATE_HZ
WINDOW = 4096
RISE_FRAMES = 4
PADS = [WINDOW // 2, WINDOW // 2 - 1]
BINS = 3 * PITCHES
CHANNELS = 16
WIDE_CHANNELS = 8

Tune = list[tuple[float, float, int, int]]
"""(start, end, MIDI pitch, voice) with times in seconds."""

TUNE: Tune = [
    (0.25 + 0.5 * i, 0.65 + 0.5 * i, pitch, i % 2)
    for i, pitch in enumerate((60, 64, 67, 72, 71, 67, 62, 65, 69, 74, 72, 60))
]


def make_tune(tune: Tune = TUNE, rate_hz: int = RATE_HZ, gain: float = 0.3) -> NDArray[np.float32]:
    """A mono recording: voice 0 is pure, voice 1 has an octave above each note."""
    audio = np.zeros(round((max(end for _, end, _, _ in tune) + 0.5) * rate_hz))
    for start, end, pitch, voice in tune:
        time = np.arange(round((end - start) * rate_hz)) / rate_hz
        hz = 440 * 2 ** ((pitch - 69) / 12)
        sound = np.sin(2 * np.pi * hz * time) + 0.14 * voice * np.sin(4 * np.pi * hz * time)
        sound *= np.minimum(1, np.minimum(time, time[::-1]) / 0.01)
        first = round(start * rate_hz)
        audio[first : first + sound.size] += gain * sound
    return audio.astype(np.float32)


def write_tune(path: Path, *, rate_hz: int = RATE_HZ, gain: float = 0.3, tune: Tune = TUNE) -> Path:
    """Write ``make_tune`` as WAV or FLAC, by the name's ending."""
    soundfile.write(path, make_tune(tune, rate_hz, gain), rate_hz)
    return path


def write_models(folder: Path) -> Path:
    """Stand-ins for the page's two networks, with a manifest; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files = tuple(
        _write_stage(folder, name, stage)
        for name in ("basicamt", "septimbre")
        for stage in MODELS[name].stages
    )
    manifest = Manifest(files=files, versions={"stand-in": "1"})
    (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return folder


def _write_stage(folder: Path, name: str, stage: str) -> ModelFile:
    recipe = STAGES[stage]
    path = folder / f"{MODELS[name].stem}.{stage}.onnx"
    return write_file(
        path, name, _graph(recipe), stage, recipe.halo_frames, nets.STAGES[stage].gathers
    )


def write_file(
    path: Path,
    name: str,
    network: onnx.ModelProto,
    stage: str | None = None,
    halo_frames: int | None = None,
    gathers: tuple[Gather, ...] = (),
) -> ModelFile:
    """Write a stand-in for the model ``name``, or a stage of it; return its manifest entry."""
    onnx.save(network, path)
    weights, options = Weights("random, seed 0", None), Options(("fp32",), EPSILON, opset=17)
    error = {value.name: 0.0 for value in network.graph.output}
    source = Source(MODELS[name], "fp32", stage, weights, options)
    traced = Traced(network, tuple(find_constants(network)), 0)
    return describe(source, path, network, traced, error, halo_frames, gathers)


Shape = tuple[int | str, ...]
Node = tuple[str, tuple[str, ...], str, dict[str, Any]]
"""Operator, inputs, output, attributes."""


@dataclass(frozen=True)
class Recipe:
    """A stage as a list of nodes."""

    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    halo_frames: int
    nodes: list[Node]


def _graph(recipe: Recipe) -> onnx.ModelProto:
    def info(name: str, shape: Shape) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    used = {name for _, names, _, _ in recipe.nodes for name in names}
    graph = helper.make_graph(
        [helper.make_node(op, names, [out], **more) for op, names, out, more in recipe.nodes],
        "stand-in",
        [info(*item) for item in recipe.inputs.items()],
        [info(*item) for item in recipe.outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in CONSTANTS.items() if name in used],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(network, full_check=True)
    return network


def _filters() -> NDArray[np.float32]:
    """Real parts, then imaginary ones, of a filter for each pitch."""
    n = np.arange(WINDOW) - WINDOW // 2
    hz = 440 * 2 ** ((np.arange(PITCHES) + LOWEST_PITCH - 69) / 12)
    waves = np.exp(2j * np.pi * hz[:, None] * n / RATE_HZ) * np.hanning(WINDOW) / WINDOW
    return np.concatenate([waves.real, waves.imag])[:, None].astype(np.float32)


CONSTANTS: dict[str, NDArray[np.generic]] = {
    "filters": _filters(),
    "parts": np.array([1, 2, PITCHES, -1], np.int64),
    "bins": np.array([1, 1, BINS, -1], np.int64),
    # Of a pitch's three bins, the middle one has its energy.
    "around": np.array([0, 0, 1, 0, 0, 0, 1, 0], np.int64),
    "axis 1": np.array([1], np.int64),
    "axis 2": np.array([2], np.int64),
    "axes 1 2": np.array([1, 2], np.int64),
    "one": np.array([1], np.int64),
    "three": np.array([3], np.int64),
    "far": np.array([BINS], np.int64),
    "two": np.array([2], np.int64),
    "later": np.array([0, 0, RISE_FRAMES, 0, 0, 0], np.int64),
    "earlier": np.array([0, 0, 0, 0, 0, -RISE_FRAMES], np.int64),
    # From a pitch to the bin of its first overtone, twelve semitones above.
    "octave": np.array([0, 0, -36, 0, 0, 0, 36, 0], np.int64),
    "wider": np.array([0, 0, 0, 0, 0, WIDE_CHANNELS - 1, 0, 0], np.int64),
    "more": np.array([0, 0, 0, 0, 0, CHANNELS - 2, 0, 0], np.int64),
    "weight": np.array(20, np.float32),
    "tiny": np.array(1e-12, np.float32),
    "embedding channels": np.array([EMBEDDING_SIZE], np.int64),
    "zero": np.array([0], np.int64),
}

_ENERGY: dict[str, Shape] = {"energy": (1, 1, BINS, "frames"), "deviation": (1,)}
_AMPLITUDE: list[Node] = [
    ("Div", ("energy", "deviation"), "level", {}),
    ("Sqrt", ("level",), "amplitude", {}),
]


def _moments(of: str, name: str, groups: int) -> tuple[dict[str, Shape], list[Node]]:
    """Means and variances of each frame over the bins, the same for every group."""
    repeat = {"axis": 1}
    outputs: dict[str, Shape] = {
        f"{name}_means": (1, groups, "frames"),
        f"{name}_variances": (1, groups, "frames"),
    }
    return outputs, [
        ("ReduceMean", (of,), f"{name} mean", {"axes": [1, 2], "keepdims": 1}),
        ("Sub", (of, f"{name} mean"), f"{name} centred", {}),
        ("Mul", (f"{name} centred", f"{name} centred"), f"{name} squares", {}),
        ("ReduceMean", (f"{name} squares",), f"{name} variance", {"axes": [1], "keepdims": 0}),
        ("ReduceMean", (f"{name} variance",), f"{name} one", {"axes": [1], "keepdims": 1}),
        ("Squeeze", (f"{name} mean", "axis 2"), f"{name} flat", {}),
        ("Concat", (f"{name} flat",) * groups, f"{name}_means", repeat),
        ("Concat", (f"{name} one",) * groups, f"{name}_variances", repeat),
    ]


def _first(groups: int, name: str) -> dict[str, Shape]:
    return {f"{name}_mean": (1, groups), f"{name}_variance": (1, groups)}


_FIRST_OUT, _FIRST_NODES = _moments("amplitude", "first", 4)
_SECOND_OUT, _SECOND_NODES = _moments("amplitude", "second", 2)
_FEATURE_OUT, _FEATURE_NODES = _moments("features", "feature", CHANNELS)

STAGES: dict[str, Recipe] = {
    "ears": Recipe(
        {"audio": (1, 1, "samples")},
        {"energy": (1, 1, BINS, "frames"), "loudness": (1, "frames")},
        WINDOW // HOP // 2,
        [
            ("Conv", ("audio", "filters"), "bands", {"strides": [HOP], "pads": PADS}),
            ("Mul", ("bands", "bands"), "squares", {}),
            ("Reshape", ("squares", "parts"), "pairs", {}),
            ("ReduceSum", ("pairs", "axis 1"), "pitches", {"keepdims": 0}),
            ("Unsqueeze", ("pitches", "axis 2"), "middle", {}),
            ("Pad", ("middle", "around"), "triples", {}),
            ("Reshape", ("triples", "bins"), "energy", {}),
            ("ReduceSum", ("energy", "axes 1 2"), "loudness", {"keepdims": 0}),
        ],
    ),
    "notes": Recipe(
        _ENERGY,
        {"onset": (1, PITCHES, "frames"), "frame": (1, PITCHES, "frames")},
        RISE_FRAMES,
        [
            *_AMPLITUDE,
            ("Slice", ("amplitude", "one", "far", "axis 2", "three"), "middle", {}),
            ("Squeeze", ("middle", "axis 1"), "frame", {}),
            ("Pad", ("frame", "later"), "shifted", {}),
            ("Pad", ("shifted", "earlier"), "before", {}),
            ("Sub", ("frame", "before"), "difference", {}),
            ("Relu", ("difference",), "onset", {}),
        ],
    ),
    "first-norm": Recipe(_ENERGY, _FIRST_OUT, 0, [*_AMPLITUDE, *_FIRST_NODES]),
    "second-norm": Recipe(
        {**_ENERGY, **_first(4, "first")},
        {**_SECOND_OUT, "wide": (1, WIDE_CHANNELS, BINS, "frames")},
        0,
        [*_AMPLITUDE, *_SECOND_NODES, ("Pad", ("amplitude", "wider"), "wide", {})],
    ),
    "features": Recipe(
        {"wide": (1, WIDE_CHANNELS, BINS, "frames"), **_first(2, "second")},
        {"features": (1, CHANNELS, BINS, "frames"), **_FEATURE_OUT},
        0,
        [
            ("Slice", ("wide", "zero", "one", "axis 1"), "amplitude", {}),
            ("Pad", ("amplitude", "octave"), "overtone", {}),
            ("Mul", ("overtone", "weight"), "loud", {}),
            ("Concat", ("amplitude", "loud"), "heard", {"axis": 1}),
            ("Pad", ("heard", "more"), "features", {}),
            *_FEATURE_NODES,
        ],
    ),
    "embed": Recipe(
        {"cells": (1, CHANNELS, 3, "frames"), **_first(CHANNELS, "feature")},
        {"embedding": (1, EMBEDDING_SIZE, "frames")},
        2,
        [
            ("Slice", ("cells", "two", "three", "axis 2"), "last", {}),  # of three, the pitch
            ("Squeeze", ("last", "axis 2"), "flat", {}),
            ("Slice", ("flat", "zero", "embedding channels", "axis 1"), "seen", {}),
            ("ReduceL2", ("seen",), "length", {"axes": [1], "keepdims": 1}),
            ("Add", ("length", "tiny"), "divisor", {}),
            ("Div", ("seen", "divisor"), "embedding", {}),
        ],
    ),
}
