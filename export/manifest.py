"""What was made: frozen dataclasses, and manifest.json.

The manifest is where the stages meet: ``export`` writes it, ``verify`` and ``web`` read it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from export.catalog import Thresholds

SCHEMA = 1
"""Raised when a reader of an older manifest would misread a newer one."""
FILE_NAME = "manifest.json"

Variant = Literal["fp32", "fp16", "int8"]
SHIPPED: tuple[Variant, ...] = ("fp32", "fp16")
"""What is made unless told otherwise; ``make bench`` says what each variant is worth."""
Backend = Literal["wasm", "webgpu"]
"""What onnxruntime-web computes on: the CPU, or a graphics adapter."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a model file."""

    name: str
    dtype: str
    """numpy's name of the type, e.g. ``float32``."""
    shape: tuple[int | str, ...]
    """A string is a symbolic dimension: ``samples`` or ``frames``."""


@dataclass(frozen=True)
class ModelFile:
    """One exported file: what it is, where it came from, what was measured."""

    model: str
    """Key in ``export.catalog.MODELS``."""
    variant: Variant
    path: str
    """Relative to the manifest's folder."""
    bytes: int
    sha256: str
    nodes: int
    """Of the graph, the call of a function counted as one."""
    parameters: int
    """Trainable parameters that the outputs depend on."""
    opset: int
    ir_version: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    rate_hz: int
    """Rate of the input waveform."""
    network_rate_hz: int
    hop_samples: int
    """At ``network_rate_hz``: frame i stands at i * hop_samples / network_rate_hz seconds."""
    lowest_pitch: int
    """MIDI number of output row 0."""
    thresholds: Thresholds
    weights: str
    """``checkpoint``, ``timbreamt``, ``bundled``, or ``random, seed 0``."""
    checkpoint_sha256: str | None
    """SHA-256 of the checkpoint file; None where the weights are random."""
    epsilon: float
    recipe: str
    """SHA-256 of all that the file was made from; equal recipes give equal bytes."""
    guards: tuple[str, ...]
    """The constants that were followed through every step, one line each."""
    error: dict[str, float]
    """Largest |file - PyTorch float64| per output on the bundled music, native onnxruntime."""
    nodes_inlined: int | None = field(default=None, kw_only=True)
    """Each body counted at every call; much of it runs once, when a session starts. None where a
    manifest was written before files had functions."""
    precision: str = field(default="", kw_only=True)
    """How the variant counts, e.g. ``stored in float16, computed in float32``."""
    recommended_for: tuple[Backend, ...] | None = field(default=None, kw_only=True)
    """Backends that this is the file of its model to take for, see ``export/recommend.py``. None
    where a manifest was written before files were recommended."""


@dataclass(frozen=True)
class StageFile(ModelFile):
    """One part of a model, to be run over chunks of a recording: see ``export/nets/stages.py``.

    Always fp32: what is promised is the whole file's result, and the dynamic scales of int8
    depend on all that a run sees. So stages are recommended for a backend or not, and there is no
    other variant to take instead. ``error`` is on the stage's own inputs.
    """

    stage: str
    """Its name, one of ``Model.stages``."""
    halo_frames: int
    """Frames on either side that an output depends on; in audio, times the hop, at ``rate_hz``."""


@dataclass(frozen=True)
class Manifest:
    """Everything that one run of ``python -m export`` left in its folder."""

    files: tuple[ModelFile, ...]
    versions: dict[str, str]
    """Tool name to version."""
    stages: tuple[StageFile, ...] = ()
    """The parts of those models that can be run over chunks, in running order."""
    schema: int = SCHEMA

    def find(self, model: str, variant: str = "fp32") -> ModelFile:
        """The file of a model and variant; KeyError names what there is."""
        for file in self.files:
            if (file.model, file.variant) == (model, variant):
                return file
        have = ", ".join(f"{file.model} {file.variant}" for file in self.files) or "nothing"
        raise KeyError(f"the manifest holds no {model} {variant}; it holds {have}")

    def find_stages(self, model: str) -> tuple[StageFile, ...]:
        """The stages of a model, in running order; KeyError names which models have some."""
        found = tuple(file for file in self.stages if file.model == model)
        if not found:
            have = ", ".join(dict.fromkeys(file.model for file in self.stages)) or "no model"
            raise KeyError(f"the manifest holds no stages of {model}; it holds those of {have}")
        return found

    def to_json(self) -> str:
        """Sorted, indented, ending in a newline: equal manifests give equal bytes."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read ``folder/manifest.json``; ManifestError where it is absent or not ours."""
        path = folder / FILE_NAME
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ManifestError(f"{path} does not exist; run `make export` first") from None
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ManifestError(f"{path} is not JSON ({error}); run `make export` again") from None
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise ManifestError(
                f"{path} has schema {found}, this tool reads {SCHEMA}; run `make export` again"
            )
        try:
            return cls(
                files=tuple(ModelFile(**_read_fields(entry)) for entry in data["files"]),
                versions=dict(data["versions"]),
                stages=tuple(StageFile(**_read_fields(entry)) for entry in data.get("stages", ())),
            )
        except (KeyError, TypeError) as error:
            raise ManifestError(
                f"{path} is incomplete ({error}); run `make export` again"
            ) from None


class ManifestError(ValueError):
    """The manifest cannot be read; the message says what to do."""


def sha256_of_stages(stages: Iterable[StageFile]) -> str:
    """One digest of a model's stages, in running order: they are judged together."""
    return hashlib.sha256("".join(stage.sha256 for stage in stages).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_fields(entry: dict[str, Any]) -> dict[str, Any]:
    fields = dict(entry)
    for key in ("inputs", "outputs"):
        fields[key] = tuple(
            TensorInfo(tensor["name"], tensor["dtype"], tuple(tensor["shape"]))
            for tensor in fields[key]
        )
    fields["thresholds"] = Thresholds(**fields["thresholds"])
    fields["guards"] = tuple(fields["guards"])
    if fields.get("recommended_for") is not None:
        fields["recommended_for"] = tuple(fields["recommended_for"])
    return fields
