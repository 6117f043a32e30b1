"""The manifest of exported files: frozen dataclasses, and manifest.json.

``export`` writes it, ``verify`` and ``web`` read it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from export.catalog import Thresholds

SCHEMA = 2
"""Increased when a reader of older manifests would misread a newer one."""
FILE_NAME = "manifest.json"

Variant = Literal["fp32", "fp16", "int8"]
SHIPPED: tuple[Variant, ...] = ("fp32", "fp16")
"""Variants that are made by default; ``make bench`` compares all."""
Backend = Literal["wasm", "webgpu"]
"""Backend of onnxruntime-web: the CPU, or a graphics adapter."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a model file."""

    name: str
    dtype: str
    """numpy's name of the type, e.g. ``float32``."""
    shape: tuple[int | str, ...]
    """A string is a symbolic dimension: ``samples`` or ``frames``."""


@dataclass(frozen=True)
class Gather:
    """A statistic of the whole recording that a stage gives, once it has run over every chunk.

    ``deviation``: of a value a frame (1, F), its unbiased standard deviation (1,), at least
    ``relative_floor`` times the largest value; up to that the recording is silent and every
    activation 0. ``moments``: of means and variances by frame (1, G, F) each, those of all frames
    (1, G). ``maximum``: of an activation, what it is divided by. ``cells``: of features
    (1, C, H, F), three rows around a pitch (1, C, 3, F).
    """

    kind: Literal["deviation", "moments", "maximum", "cells"]
    of: tuple[str, ...]
    """Outputs of the stage."""
    gives: tuple[str, ...] = ()
    """Inputs of later stages."""
    floor: float = 0.0
    """The least that a maximum, or the largest value of a ``deviation``, counts as."""
    relative_floor: float = 0.0
    values: int | None = None
    """Number of values behind a frame's mean, if the variance of all shall be unbiased."""


@dataclass(frozen=True)
class ModelFile:
    """One exported file: its identity, its origin and its measured errors.

    A file is a whole model, or one stage of it, to be run over chunks of a recording (see
    ``export/nets/stages.py``). Stages are fp32: together they promise the whole file's result.
    """

    model: str
    """Key in ``export.catalog.MODELS``."""
    variant: Variant
    stage: str | None
    """One of ``Model.stages``; None for the whole model."""
    path: str
    """A name in the manifest's folder."""
    bytes: int
    sha256: str
    nodes: int
    """Of the graph, a call of a function counted as one."""
    nodes_inlined: int
    """Each body counted at every call; much of it runs once, when a session starts."""
    parameters: int
    """Trainable parameters that the outputs depend on."""
    opset: int
    ir_version: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    halo_frames: int | None
    """Frames on either side that a stage's output depends on; in audio, times the hop, at
    ``rate_hz``. None for the whole model, which reads the whole recording."""
    gathers: tuple[Gather, ...]
    """Statistics of the whole recording that a stage gives."""
    rate_hz: int
    """Rate of the input waveform."""
    network_rate_hz: int
    hop_samples: int
    """At ``network_rate_hz``: frame i is at i * hop_samples / network_rate_hz seconds."""
    lowest_pitch: int
    """MIDI number of output row 0."""
    thresholds: Thresholds
    weights: str
    """``checkpoint``, ``timbreamt``, ``bundled``, or ``random, seed 0``."""
    checkpoint_sha256: str | None
    """SHA-256 of the checkpoint file; None if the weights are random."""
    epsilon: float
    recipe: str
    """The file's cache key, a SHA-256; equal recipes give equal bytes."""
    guards: tuple[str, ...]
    """The constants that were followed through every step, one line each."""
    error: dict[str, float]
    """Largest |file - PyTorch float64| per output on the bundled music, native onnxruntime; a
    stage's on its own inputs."""
    precision: str
    """The variant's arithmetic, e.g. ``stored in float16, computed in float32``."""
    recommended_for: tuple[Backend, ...]
    """Backends for which this is the best file of its model, see ``describe.recommend``."""

    @property
    def title(self) -> str:
        """As printed, e.g. ``basicamt fp32`` or ``basicamt fp32 ears``."""
        return " ".join(filter(None, (self.model, self.variant, self.stage)))


@dataclass(frozen=True)
class EngineFile:
    """A model's weights for the engine, which computes the model's stages (``web/engine``)."""

    model: str
    """Key in ``export.catalog.MODELS``."""
    path: str
    bytes: int
    sha256: str
    weights: str
    """As of a ``ModelFile``; so are the next four."""
    checkpoint_sha256: str | None
    epsilon: float
    recipe: str
    guards: tuple[str, ...]


@dataclass(frozen=True)
class ModuleFile:
    """The engine itself, in WebAssembly; ``EngineFile`` is written for exactly this one."""

    path: str
    bytes: int
    sha256: str
    relaxed: bool
    """Whether it needs relaxed SIMD, and may round a product and its sum once."""


@dataclass(frozen=True)
class Manifest:
    """The exported files of a folder, and the tools that made them."""

    files: tuple[ModelFile, ...]
    """Whole models, then the stages of each in running order."""
    versions: dict[str, str]
    """Tool name to version."""
    engines: tuple[EngineFile, ...] = ()
    """Weights for the engine, of the models that it holds."""
    modules: tuple[ModuleFile, ...] = ()
    """The engine, the fastest first; empty where there are no weights for it."""
    schema: int = SCHEMA

    @property
    def wholes(self) -> tuple[ModelFile, ...]:
        """The files that hold a whole model."""
        return tuple(file for file in self.files if file.stage is None)

    @property
    def everything(self) -> tuple[ModelFile | EngineFile, ...]:
        """Every model file, then the weights for the engine."""
        return (*self.files, *self.engines)

    def engine_digests(self, model: str) -> dict[str, str]:
        """SHA-256 over a model's weights and the engine, by how they are judged; empty without."""
        weights = [one.sha256 for one in self.engines if one.model == model]
        if not weights:
            return {}
        parts = "".join([*weights, *(module.sha256 for module in self.modules)])
        return {
            judged: hashlib.sha256(f"{judged} {parts}".encode()).hexdigest()
            for judged in ("engine", "engine, streamed")
        }

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 by path of everything that lies in the folder."""
        return {one.path: one.sha256 for one in self.everything} | {
            module.path: module.sha256 for module in self.modules
        }

    def find(self, model: str, variant: str = "fp32") -> ModelFile:
        """The file of a whole model in a variant; ManifestError names those that exist."""
        for file in self.wholes:
            if (file.model, file.variant) == (model, variant):
                return file
        have = ", ".join(file.title for file in self.wholes) or "nothing"
        raise ManifestError(f"the manifest holds no {model} {variant}; it holds {have}")

    def find_stages(self, model: str) -> tuple[ModelFile, ...]:
        """The stages of a model, in running order; empty if it has none."""
        return tuple(file for file in self.files if file.stage and file.model == model)

    def judged_together(self) -> Iterator[tuple[ModelFile, ...]]:
        """Each whole file by itself, and each model's stages as one."""
        yield from ((file,) for file in self.wholes)
        for model in dict.fromkeys(file.model for file in self.files):
            if stages := self.find_stages(model):
                yield stages

    def to_json(self) -> str:
        """Sorted, indented, ending in a newline: equal manifests give equal bytes."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read ``folder/manifest.json``; ManifestError if it is missing or not a manifest."""
        path = folder / FILE_NAME
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ManifestError(f"{path} does not exist; run `make export` first") from None
        except (ValueError, RecursionError) as error:  # a number too long, lists too deep
            raise ManifestError(f"{path} is not JSON ({error}); run `make export` again") from None
        except OSError as error:
            raise ManifestError(f"{path} cannot be read ({error.strerror})") from None
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise ManifestError(
                f"{path} has schema {found}, this tool reads {SCHEMA}; run `make export` again"
            )
        try:
            return cls(
                tuple(map(_read_file, data["files"])),
                dict(data["versions"]),
                tuple(map(_read_engine, data.get("engines", ()))),
                tuple(ModuleFile(**_with_plain_name(one)) for one in data.get("modules", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ManifestError(
                f"{path} is not a manifest of this tool ({type(error).__name__}: {error}); "
                "run `make export` again"
            ) from None


class ManifestError(ValueError):
    """The manifest cannot be read, or lacks what is asked for; the message says what to do."""


def digest_of(files: Sequence[ModelFile]) -> str:
    """SHA-256 of what is judged together: one file's own, or one over several, in their order."""
    if len(files) == 1:
        return files[0].sha256
    return hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _with_plain_name(entry: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise TypeError(f"a file is {entry!r}, expected an object")
    if not re.fullmatch(r"\w[\w.-]*", entry["path"]):  # a path with folders could lead anywhere
        raise ValueError(f"path {entry['path']!r} is not a plain file name")
    return dict(entry)


def _read_engine(entry: dict[str, Any]) -> EngineFile:
    return EngineFile(**{**_with_plain_name(entry), "guards": tuple(entry["guards"])})


def _read_file(entry: dict[str, Any]) -> ModelFile:
    fields = _with_plain_name(entry)
    for key in ("inputs", "outputs"):
        fields[key] = tuple(
            TensorInfo(tensor["name"], tensor["dtype"], tuple(tensor["shape"]))
            for tensor in fields[key]
        )
    fields["gathers"] = tuple(
        Gather(**{**gather, "of": tuple(gather["of"]), "gives": tuple(gather["gives"])})
        for gather in fields["gathers"]
    )
    fields["thresholds"] = Thresholds(**fields["thresholds"])
    for key in ("guards", "recommended_for"):
        fields[key] = tuple(fields[key])
    return ModelFile(**fields)
