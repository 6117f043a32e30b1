"""The matrix's records: what is judged, in which runtimes, and what came out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from export.catalog import Thresholds
from export.manifest import Manifest
from verify.compare import Deviation, Expectation, Tolerance
from verify.matrix.notes import NoteAgreement, Transcription
from verify.runtimes.runners import Runner, Tensors

Status = Literal[
    "agrees", "disagrees", "failed", "not deterministic", "not supported", "stopped", "not started"
]
"""``stopped``: it took more time or memory than it may. Only ``disagrees`` and ``failed`` are the
runtime's fault; the rest could not be judged."""


@dataclass(frozen=True, eq=False)
class Case:
    """One input and its expected outputs."""

    signal: str
    inputs: Tensors
    reference: Tensors
    tolerances: Mapping[str, Tolerance]
    notes: Transcription | None = None
    """Of the reference; None if notes are not judged."""
    note_f1: float = 0.0
    label_agreement: float = 0.0
    expected: Mapping[str, Expectation] = field(default_factory=dict)
    """Of outputs that ought not to be finite, or to be empty."""
    dtypes: Mapping[str, str] = field(default_factory=dict)
    """As of the subject, where this case's reference alone differs."""


@dataclass(frozen=True, eq=False)
class Subject:
    """One file."""

    model: str
    variant: str
    file: Path
    sha256: str
    cases: tuple[Case, ...]
    dtypes: Mapping[str, str] = field(default_factory=dict)
    """Of the outputs, where they differ from the reference's."""
    thresholds: Thresholds | None = None
    stream: Manifest | None = None
    """If given, the model's stages run over chunks of each signal, instead of the file."""
    chunk_frames: int | None = None
    """Of those chunks; None for a third of a signal."""
    engine: bool = False
    """Whether the engine computes the stages, instead of their files."""
    foreign: bool = False
    """Whether it is anyone's model, whose outputs may change from run to run."""

    @property
    def name(self) -> str:
        """As printed, e.g. ``basicamt fp32``."""
        return f"{self.model} {self.variant}"


@dataclass(frozen=True)
class Plan:
    """A runtime, how to make it, and which cases it gets."""

    name: str
    make: Callable[[], Runner]
    takes: Callable[[Subject, Case], bool] = lambda subject, case: True
    alone: bool = False
    """Whether nothing may run beside it, since it takes every core."""
    first: bool = False
    """Whether it begins, since it takes longest."""
    identity: str | None = None
    """The runtime with its versions; None if unknown, so that no verdict is kept."""


@dataclass(frozen=True)
class Verdict:
    """The outcome of one file in one runtime on one signal."""

    model: str
    variant: str
    runtime: str
    signal: str
    status: Status
    message: str
    """Empty where it agrees."""
    deviations: tuple[Deviation, ...] = ()
    notes: NoteAgreement | None = None
    seconds: float = 0.0
    """Of the run alone, not of loading."""
    digest: str = ""
    """Hash of the outputs: equal where they are equal bit for bit."""
    kept: bool = False
    """Whether it is an earlier run's, of the same file in the same runtime on the same signal."""

    @property
    def in_tolerances(self) -> float:
        """Largest error as a multiple of the tolerance; infinite if not comparable."""
        if not self.deviations:
            return math.inf
        return max(
            math.inf if d.in_tolerances is None else d.in_tolerances for d in self.deviations
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """The tensors behind a verdict, for the report's pictures."""

    verdict: Verdict
    candidate: Tensors
    reference: Tensors
    music: bool
    """Whether notes were judged."""


@dataclass(frozen=True)
class LeftOut:
    """Something that was not run, and the reason."""

    name: str
    reason: str


@dataclass
class Result:
    """All verdicts of a run."""

    verdicts: list[Verdict] = field(default_factory=list)
    worst: dict[tuple[str, str], list[Evidence]] = field(default_factory=dict)
    """By model and variant: the music with the largest error in tolerances, then the case with
    the largest, if it is another."""
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    """By runtime."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By runtime, starting and loading included."""

    @property
    def passed(self) -> bool:
        """True if at least one case was judged and all agree."""
        return bool(self.verdicts) and all(v.status == "agrees" for v in self.verdicts)


class Memory(Protocol):
    """Verdicts of earlier runs."""

    def find(self, plan: Plan, subject: Subject, case: Case) -> Verdict | None:
        """The verdict that still holds; None if the case must be judged."""

    def keep(self, plan: Plan, subject: Subject, case: Case, verdict: Verdict) -> None:
        """Remember a verdict."""
