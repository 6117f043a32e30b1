"""noteDigger's two files in miniature: whole networks with the deployed names, shapes, meaning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.catalog import (
    EMBEDDING_SIZE,
    LOWEST_PITCH,
    MODELS,
    PITCHES,
    RATE_HZ,
)
from export.manifest import FILE_NAME, Manifest
from tests import stand_in
from tests.stand_in import HOP, RISE_FRAMES, WINDOW, write_file


def write_models(folder: Path) -> Path:
    """Stand-ins for the page's two networks, with a manifest; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    models = [MODELS[name] for name in ("basicamt", "septimbre")]
    files = tuple(
        write_file(
            folder / f"{model.stem}.onnx", model.name, _network("embedding" in model.outputs)
        )
        for model in models
    )
    manifest = Manifest(files=files, versions={"stand-in": "1"})
    (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return folder


def write_models_and_stages(folder: Path) -> Path:
    """The same, with the networks' stages as ``stand_in`` makes them; return the folder."""
    stages = Manifest.read(stand_in.write_models(folder)).files
    manifest = Manifest.read(write_models(folder))
    manifest = replace(manifest, files=manifest.files + stages)
    (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return folder


def _network(embeds: bool) -> onnx.ModelProto:
    n = np.arange(WINDOW) - WINDOW // 2
    hz = 440 * 2 ** ((np.arange(PITCHES) + LOWEST_PITCH - 69) / 12)
    waves = np.exp(2j * np.pi * hz[:, None] * n / RATE_HZ) * np.hanning(WINDOW) / WINDOW
    constants: dict[str, NDArray[np.generic]] = {
        "filters": np.concatenate([waves.real, waves.imag])[:, None].astype(np.float32),
        "split": np.array([PITCHES, PITCHES], np.int64),
        "tiny": np.array(1e-12, np.float32),
        "late_pad": np.array([0, 0, RISE_FRAMES, 0, 0, 0], np.int64),
        "early_pad": np.array([0, 0, 0, 0, 0, -RISE_FRAMES], np.int64),
    }
    pads = [WINDOW // 2, WINDOW // 2 - 1]
    nodes = [
        helper.make_node("Conv", ["audio", "filters"], ["bands"], strides=[HOP], pads=pads),
        helper.make_node("Mul", ["bands", "bands"], ["squares"]),
        helper.make_node("Split", ["squares", "split"], ["real", "imaginary"], axis=1),
        helper.make_node("Add", ["real", "imaginary"], ["energy"]),
        helper.make_node("Sqrt", ["energy"], ["amplitude"]),
        helper.make_node("ReduceMax", ["amplitude"], ["most"], keepdims=1),
        helper.make_node("Add", ["most", "tiny"], ["scale"]),
        helper.make_node("Div", ["amplitude", "scale"], ["frame"]),
        helper.make_node("Pad", ["frame", "late_pad"], ["shifted"]),
        helper.make_node("Pad", ["shifted", "early_pad"], ["before"]),
        helper.make_node("Sub", ["frame", "before"], ["difference"]),
        helper.make_node("Relu", ["difference"], ["rise"]),
        helper.make_node("ReduceMax", ["rise"], ["steepest"], keepdims=1),
        helper.make_node("Add", ["steepest", "tiny"], ["rise_scale"]),
        helper.make_node("Div", ["rise", "rise_scale"], ["onset"]),
    ]
    shape: list[str | int | None] = [1, PITCHES, "frames"]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("onset", "frame")
    ]
    if embeds:
        rise = 12  # semitones to the first overtone
        constants["octave_pad"] = np.array([0, -rise, 0, 0, rise, 0], np.int64)
        constants["weight"] = np.array(20, np.float32)
        constants["channel"] = np.array([1], np.int64)
        constants["more_pad"] = np.array([0, 0, 0, 0, 0, EMBEDDING_SIZE - 2, 0, 0], np.int64)
        nodes += [
            helper.make_node("Pad", ["frame", "octave_pad"], ["overtone"]),
            helper.make_node("Mul", ["overtone", "weight"], ["loud_overtone"]),
            helper.make_node("Unsqueeze", ["frame", "channel"], ["first"]),
            helper.make_node("Unsqueeze", ["loud_overtone", "channel"], ["second"]),
            helper.make_node("Concat", ["first", "second"], ["two"], axis=1),
            helper.make_node("Pad", ["two", "more_pad"], ["all"]),
            helper.make_node("ReduceL2", ["all"], ["length"], axes=[1], keepdims=1),
            helper.make_node("Add", ["length", "tiny"], ["divisor"]),
            helper.make_node("Div", ["all", "divisor"], ["embedding"]),
        ]
        wide: list[str | int | None] = [1, EMBEDDING_SIZE, PITCHES, "frames"]
        outputs.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, wide))
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, 1, "samples"])],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(network, full_check=True)
    return network
