"""A verdict for every file, runtime and signal, and the tensors of the worst."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from export.catalog import Thresholds
from export.manifest import Manifest
from verify.compare import Deviation, DisagreementError, Tolerance, compare
from verify.matrix.notes import NoteAgreement, NoteError, Transcription, agree, transcribe
from verify.runtimes.runners import HangError, Runner, RunnerError, Tensors
from verify.runtimes.stream import StreamRunner

Status = Literal["agrees", "disagrees", "failed", "not started"]


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


def examine(
    subjects: Sequence[Subject],
    plans: Sequence[Plan],
    advance: Callable[[Verdict], None] = lambda verdict: None,
) -> Result:
    """Judge every subject in every runtime; a failure to run is a verdict too.

    ``advance`` is called with each verdict.
    """
    result = Result()
    for plan in plans:
        started = time.perf_counter()
        work = [
            (subject, tuple(case for case in subject.cases if plan.takes(subject, case)))
            for subject in subjects
        ]
        judged = 0
        try:
            with plan.make() as runner:
                for subject, cases in work:
                    for verdict, outputs in _judge(runner, subject, cases):
                        judged += 1
                        result.verdicts.append(verdict)
                        _keep_worst(result, subject, verdict, outputs)
                        advance(verdict)
                result.versions[plan.name] = dict(runner.versions)
        except RunnerError as error:
            # It never started: each of its cases is a failure of its own.
            owed = [(subject, case) for subject, cases in work for case in cases][judged:]
            for subject, case in owed:
                verdict = _verdict(plan.name, subject, case, "not started", str(error))
                result.verdicts.append(verdict)
                advance(verdict)
        result.seconds[plan.name] = time.perf_counter() - started
    return result


def _judge(
    runner: Runner, subject: Subject, cases: Sequence[Case]
) -> Iterator[tuple[Verdict, Tensors | None]]:
    if subject.stream is not None:
        runner = StreamRunner(runner, subject.stream)
    loaded = False
    given_up = ""
    for case in cases:
        if given_up:
            yield _verdict(runner.name, subject, case, "failed", f"not run: {given_up}"), None
            continue
        try:
            if not loaded:
                runner.load(subject.file)
                loaded = True
            started = time.perf_counter()
            outputs = runner.run(case.inputs)
            seconds = time.perf_counter() - started
        except RunnerError as error:
            # A file that does not load will not load for the next signal either, and waiting
            # for each hang would take all day.
            if not loaded or isinstance(error, HangError):
                given_up = str(error)
            loaded = False
            yield _verdict(runner.name, subject, case, "failed", str(error)), None
        else:
            verdict = _verdict(runner.name, subject, case, "agrees", "", seconds)
            yield _compare(verdict, subject, case, outputs), outputs


def _compare(verdict: Verdict, subject: Subject, case: Case, outputs: Tensors) -> Verdict:
    """Compare the tensors, and the notes made from them."""
    faults: list[str] = []
    try:
        deviations = compare(outputs, case.reference, case.tolerances, subject.dtypes)
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


def _keep_worst(
    result: Result, subject: Subject, verdict: Verdict, outputs: Tensors | None
) -> None:
    if outputs is None:
        return
    case = next(case for case in subject.cases if case.signal == verdict.signal)
    kept = result.worst.get((subject.model, subject.variant), [])
    candidates = [*kept, Evidence(verdict, outputs, case.reference)]
    music = {case.signal for case in subject.cases if case.notes is not None}
    of_music = [evidence for evidence in candidates if evidence.verdict.signal in music]
    # max returns the first of equals: the earlier exhibit stays.
    both = [max(some, key=_size) for some in (of_music, candidates) if some]
    result.worst[subject.model, subject.variant] = list(dict.fromkeys(both))


def _size(evidence: Evidence) -> float:
    return evidence.verdict.in_tolerances
