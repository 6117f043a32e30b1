"""The engine's stages in Node and natively under sanitizers, and their expected outputs.

Requests are records of uint32 and float32: the stage's number in ``STAGES``, the number of its
inputs, and the length and values of each. Replies are every output's values, one after the other.
"""

from __future__ import annotations

import copy
import struct
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from export.catalog import EPSILON, MODELS
from export.load.bands import InBands
from export.load.network import load_network
from export.load.sources import from_bundle
from export.nets.stages import STAGES, Stage, cut, run_stages
from export.variants.engine import write_engine
from tests.patience import PATIENCE_SECONDS
from verify.compare import Array
from web.engine.build import FOLDER, define_layout
from web.node import run_node

HERE = Path(__file__).parent
NAMES = tuple(STAGES)
Values = tuple[torch.Tensor, ...]
FLAGS = ("-std=c17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-ffp-contract=off")
SANITIZERS = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)


class Case(NamedTuple):
    """A stage, its inputs in float32, and PyTorch's outputs in float64."""

    stage: str
    inputs: dict[str, Array]
    truth: dict[str, Array]


@cache
def open_network(name: str) -> torch.nn.Module:
    """A model's network with the bundled weights."""
    weights = from_bundle(MODELS[name])
    assert weights is not None
    return load_network(MODELS[name], weights.path, EPSILON).get_submodule("network")


@cache
def open_exactly(name: str) -> torch.nn.Module:
    """The same in float64."""
    return copy.deepcopy(open_network(name)).double()


def write_weights(name: str, folder: Path) -> Path:
    """A model's weights for the engine."""
    path = folder / f"{name}.engine"
    write_engine(open_network(name), path)
    return path


def make_cases(name: str, audio: Array) -> list[Case]:
    """Every stage of a model on a recording (samples): inputs as the stages before give them."""
    stages = cut(open_exactly(name), MODELS[name].stages)
    cases: list[Case] = []

    def round_inputs(_: torch.nn.Module, values: Values) -> Values:
        return tuple(value.float().double() for value in values)

    def keep(stage: torch.nn.Module, values: Values, outputs: Values) -> None:
        assert isinstance(stage, Stage)
        inputs = zip(stage.inputs, (value.float().numpy() for value in values), strict=True)
        truth = zip(stage.outputs, (output.numpy() for output in outputs), strict=True)
        cases.append(Case(list(stages)[len(cases)], dict(inputs), dict(truth)))

    for stage in stages.values():
        stage.register_forward_pre_hook(round_inputs)
        stage.register_forward_hook(keep)
    with InBands():
        run_stages(stages, torch.from_numpy(audio).double().reshape(1, 1, -1))
    return cases


def write_requests(cases: Iterable[Case], path: Path) -> None:
    """Write a request for ``run.mjs`` and ``native.c``."""
    with path.open("wb") as file:
        for case in cases:
            file.write(struct.pack("<2I", NAMES.index(case.stage), len(case.inputs)))
            for value in case.inputs.values():
                file.write(struct.pack("<I", value.size) + value.astype("<f4").tobytes())


def read_replies(cases: Iterable[Case], path: Path) -> list[dict[str, Array]]:
    """The outputs of each case, in the shapes of its truth."""
    numbers, at, replies = np.fromfile(path, "<f4"), 0, []
    for case in cases:
        reply = {}
        for key, wanted in case.truth.items():
            reply[key] = numbers[at : at + wanted.size].reshape(wanted.shape)
            at += wanted.size
        replies.append(reply)
    assert at == numbers.size, f"{numbers.size} numbers came back, {at} were expected"
    return replies


def run_in_node(
    cases: list[Case], weights: Path, folder: Path, module: Path = FOLDER / "engine.wasm"
) -> tuple[list[dict[str, Array]], int]:
    """Each case's outputs, and the final size of the module's memory in bytes."""
    requests, replies = folder / "requests", folder / "replies"
    write_requests(cases, requests)
    flags = ["--experimental-wasm-relaxed-simd"] if "relaxed" in module.name else []
    files = (HERE / "run.mjs", module, weights, requests, replies)
    printed = run_node(*flags, *files, limit_seconds=PATIENCE_SECONDS)
    return read_replies(cases, replies), int(printed)


def build_native(folder: Path, flags: Iterable[str], source: Path = FOLDER) -> Path:
    """Compile the engine, or a changed copy of it, for this machine."""
    program = folder / "native"
    sources = [*sorted(source.glob("*.c")), HERE / "native.c"]
    command = [
        "gcc",
        *FLAGS,
        *flags,
        f"-I{source}",
        define_layout(),
        *map(str, sources),
        "-o",
        str(program),
        "-lm",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def run_natively(
    program: Path, cases: list[Case], weights: Path, folder: Path
) -> list[dict[str, Array]]:
    """Each case's outputs; AssertionError with what a sanitizer found."""
    requests, replies = folder / "requests", folder / "replies"
    write_requests(cases, requests)
    command = [str(path) for path in (program, weights, requests, replies)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"status {done.returncode}\n{done.stderr[:4000]}"
    return read_replies(cases, replies)
