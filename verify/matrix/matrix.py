"""A verdict for every file, runtime and signal, and the tensors of the worst."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

from verify.cases.make import expect
from verify.compare import DisagreementError, Tolerance, compare
from verify.matrix.notes import NoteAgreement, NoteError, agree, transcribe
from verify.matrix.records import Case, Evidence, Memory, Plan, Result, Status, Subject, Verdict
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
            # Browsers come last in the order of plans, and take longest: they begin.
            queue = sorted(reversed(plans), key=lambda plan: not plan.first)
            pending = {plan.name: pool.submit(work, plan) for plan in queue if not plan.alone}
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
