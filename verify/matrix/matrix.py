"""A verdict for every file, runtime and signal, and the tensors of the worst."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Literal, Protocol

from export.catalog import Thresholds
from export.manifest import Manifest
from verify.cases.make import expect
from verify.compare import Deviation, DisagreementError, Expectation, Tolerance, compare
from verify.matrix.notes import NoteAgreement, NoteError, Transcription, agree, transcribe
from verify.runtimes.library import LibraryRunner, Streams
from verify.runtimes.runners import (
    LimitError,
    NotSupportedError,
    Runner,
    RunnerError,
    Tensors,
    hash_tensors,
)
from verify.runtimes.stream import StreamRunner

SIDE_BY_SIDE = 2
"""Runtimes that run at once: most of the time one waits for its browser."""
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


def examine(
    subjects: Sequence[Subject],
    plans: Sequence[Plan],
    advance: Callable[[Verdict], None] = lambda verdict: None,
    memory: Memory | None = None,
) -> Result:
    """Judge every subject in every runtime; a failure to run is a verdict too.

    ``advance`` is called with each verdict, from several threads. What ``memory`` holds is not
    judged again; a runtime that has nothing else to do is not started.
    """
    stopped = Event()

    def work(plan: Plan) -> Result:
        return _examine(subjects, plan, advance, stopped, memory)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        try:
            pending = {plan.name: pool.submit(work, plan) for plan in plans if not plan.alone}
            found = {name: one.result() for name, one in pending.items()}
            found |= {plan.name: work(plan) for plan in plans if plan.alone}
        except BaseException:
            stopped.set()
            pool.shutdown(cancel_futures=True)
            raise
    result = Result()
    for plan in plans:
        part = found[plan.name]
        result.verdicts += part.verdicts
        result.versions |= part.versions
        result.seconds |= part.seconds
        for name, exhibits in part.worst.items():
            kept = result.worst.setdefault(name, [])
            result.worst[name] = _choose_worst([*kept, *exhibits])
    return result


def _examine(
    subjects: Sequence[Subject],
    plan: Plan,
    advance: Callable[[Verdict], None],
    stopped: Event,
    memory: Memory | None,
) -> Result:
    """Judge every subject in one runtime, until ``stopped``."""
    result = Result()
    started = time.perf_counter()
    owed: list[tuple[Subject, Case]] = []
    for subject in subjects:
        for case in subject.cases:
            if not plan.takes(subject, case):
                continue
            if memory and (verdict := memory.find(plan, subject, case)):
                result.verdicts.append(verdict)
                advance(verdict)
            else:
                owed.append((subject, case))
    before = len(result.verdicts)
    try:
        if owed:
            with plan.make() as runner:
                for verdict in _run(runner, plan, owed, memory, result):
                    advance(verdict)
                    if stopped.is_set():
                        return result
                result.versions[plan.name] = dict(runner.versions)
    except RunnerError as error:
        # It never started: each of its cases is a failure of its own.
        for subject, case in owed[len(result.verdicts) - before :]:
            verdict = _verdict(plan.name, subject, case, "not started", str(error))
            result.verdicts.append(verdict)
            advance(verdict)
    result.seconds[plan.name] = time.perf_counter() - started
    return result


def _run(
    runner: Runner,
    plan: Plan,
    owed: Sequence[tuple[Subject, Case]],
    memory: Memory | None,
    result: Result,
) -> Iterator[Verdict]:
    """Judge these cases, subject by subject; add verdicts and the worst evidence to the result."""
    for subject in dict.fromkeys(subject for subject, _ in owed):
        cases = [case for owner, case in owed if owner is subject]
        for case, (verdict, evidence) in zip(cases, _judge(runner, subject, cases), strict=True):
            result.verdicts.append(verdict)
            if memory:
                memory.keep(plan, subject, case, verdict)
            if evidence:
                name = (subject.model, subject.variant)
                result.worst[name] = _choose_worst([*result.worst.get(name, []), evidence])
            yield verdict


def _judge(
    runner: Runner, subject: Subject, cases: Sequence[Case]
) -> Iterator[tuple[Verdict, Evidence | None]]:
    if subject.stream is not None:
        through = LibraryRunner if isinstance(runner, Streams) else StreamRunner
        runner = through(runner, subject.stream, subject.chunk_frames)
    loaded = False
    given_up: tuple[Status, str] | None = None
    for case in cases:
        if given_up:
            status, reason = given_up
            yield _verdict(runner.name, subject, case, status, f"not run: {reason}"), None
            continue
        try:
            if not loaded:
                runner.load(subject.file, subject.sha256)
                loaded = True
            started = time.perf_counter()
            outputs = runner.run(case.inputs)
            seconds = time.perf_counter() - started
            verdict = _verdict(runner.name, subject, case, "agrees", "", seconds)
            verdict = replace(verdict, digest=hash_tensors(outputs))
            verdict = _compare(verdict, subject, case, outputs)
            if subject.foreign and verdict.status == "disagrees":
                verdict = _doubt(verdict, case, outputs, runner.run(case.inputs))
        except RunnerError as error:
            # A file that does not load will not load for the next signal either, and waiting
            # for each hang would take all day.
            if not loaded or isinstance(error, LimitError):
                given_up = (_status(error), str(error))
            loaded = False
            yield _verdict(runner.name, subject, case, _status(error), str(error)), None
        else:
            yield verdict, Evidence(verdict, outputs, case.reference, case.notes is not None)


def _status(error: RunnerError) -> Status:
    if isinstance(error, NotSupportedError):
        return "not supported"
    return "stopped" if isinstance(error, LimitError) else "failed"


def _doubt(verdict: Verdict, case: Case, first: Tensors, second: Tensors) -> Verdict:
    """A disagreement, unless the same file in the same runtime disagrees with itself."""
    try:
        tolerances = {name: case.tolerances.get(name, _EQUAL) for name in first}
        compare(second, first, tolerances, expected=expect(first))
    except DisagreementError as error:
        message = f"two runs on the same input differ, so no reference can be met: {error}"
        return replace(verdict, status="not deterministic", message=message)
    return verdict


_EQUAL = Tolerance(0, "the same file, runtime and input")


def _compare(verdict: Verdict, subject: Subject, case: Case, outputs: Tensors) -> Verdict:
    """Compare the tensors, and the notes made from them."""
    faults: list[str] = []
    try:
        dtypes = {**subject.dtypes, **case.dtypes}
        deviations = compare(outputs, case.reference, case.tolerances, dtypes, case.expected)
    except DisagreementError as error:
        deviations = error.deviations
        faults.append(str(error))
    notes = None
    comparable = deviations and all(d.largest_absolute is not None for d in deviations)
    if case.notes is not None and subject.thresholds is not None and comparable:
        try:
            notes = agree(transcribe(outputs, subject.thresholds), case.notes)
        except (DisagreementError, NoteError) as error:
            faults.append(str(error))
        else:
            faults += _note_faults(notes, case)
    status: Status = "disagrees" if faults else "agrees"
    message = "; ".join(faults)
    return replace(verdict, status=status, message=message, deviations=deviations, notes=notes)


def _note_faults(notes: NoteAgreement, case: Case) -> Iterator[str]:
    if not notes.f1 >= case.note_f1:
        yield (
            f"note F1 is {notes.f1:.4f}, expected {case.note_f1:g} or more "
            f"({notes.notes} notes, {notes.notes_reference} in the reference)"
        )
    labels = notes.label_agreement
    if labels is not None and not labels >= case.label_agreement:
        yield f"{labels:.1%} of the notes keep their timbre, expected {case.label_agreement:.0%}"


def _verdict(
    runtime: str, subject: Subject, case: Case, status: Status, message: str, seconds: float = 0.0
) -> Verdict:
    return Verdict(
        subject.model, subject.variant, runtime, case.signal, status, message, seconds=seconds
    )


def _choose_worst(candidates: Sequence[Evidence]) -> list[Evidence]:
    """The music with the largest error, then the case with the largest, if it is another."""
    music = [evidence for evidence in candidates if evidence.music]
    # max returns the first of equals: the earlier exhibit stays.
    both = [max(some, key=_size) for some in (music, candidates) if some]
    return list(dict.fromkeys(both))


def _size(evidence: Evidence) -> float:
    return evidence.verdict.in_tolerances
