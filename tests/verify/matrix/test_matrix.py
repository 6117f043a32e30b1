"""Every cell of the matrix gets a verdict, and each way to fail is one."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from export.catalog import Thresholds
from export.manifest import sha256_of
from tests import tiny_models
from tests.patience import PATIENCE_SECONDS
from verify.compare import Array, Tolerance
from verify.matrix import matrix
from verify.matrix.matrix import examine
from verify.matrix.notes import transcribe
from verify.matrix.records import Case, Plan, Result, Subject, Verdict
from verify.matrix.tolerances import PROMISES, tolerances
from verify.runtimes.runners import HangError, NativeRunner, RunnerError, Tensors

TOLERANCES = dict.fromkeys(("onset", "frame"), Tolerance(5e-6, "as in test_verify_runners"))
FLOAT32 = dict.fromkeys(("onset", "frame"), "float32")
THRESHOLDS = Thresholds(frame=0.3, onset=0.5)


def case(name: str, audio: Array, **changes: object) -> Case:
    audio = audio.reshape(1, 1, -1).astype(np.float32)
    return Case(name, {"audio": audio}, tiny_models.run(audio), TOLERANCES, **changes)  # type: ignore[arg-type]  # fields by name


def noise(length: int = 3000) -> Array:
    return np.random.default_rng(0).normal(0, 0.1, length)


@pytest.fixture
def tiny(tmp_path: Path) -> Subject:
    file = tiny_models.write(tmp_path / "tiny.onnx")
    cases = (case("silence", np.zeros(1024)), case("noise", noise()), case("short", noise(1)))
    return Subject("tiny", "fp32", file, sha256_of(file), cases, FLOAT32)


class Faulty(NativeRunner):
    """A runtime with a fault planted in its outputs, or in its run."""

    def __init__(self, fault: Callable[[Tensors], Tensors]) -> None:
        super().__init__("full")
        self.name = "faulty"
        self.fault = fault
        self.loads = 0

    def load(self, file: Path, sha256: str | None = None) -> None:
        self.loads += 1
        super().load(file, sha256)

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        return self.fault(super().run(inputs))


def run(subject: Subject, runner: NativeRunner) -> Result:
    return examine([subject], [Plan(runner.name, lambda: runner)])


def test_a_good_file_agrees_everywhere_and_the_worst_case_is_kept(tiny: Subject) -> None:
    seen: list[Verdict] = []
    plans = [Plan(f"native-{o}", lambda o=o: NativeRunner(o)) for o in ("off", "full")]  # type: ignore[misc]  # mypy cannot type a lambda's default
    result = examine([tiny], plans, seen.append)
    assert result.passed
    assert set(seen) == set(result.verdicts)
    assert [v.runtime for v in result.verdicts] == [p.name for p in plans for _ in tiny.cases]
    assert {(v.runtime, v.signal) for v in seen} == {
        (plan.name, case.signal) for plan in plans for case in tiny.cases
    }
    (worst,) = result.worst["tiny", "fp32"]
    assert worst.verdict.in_tolerances == max(v.in_tolerances for v in seen)
    assert worst.candidate["frame"].dtype == np.float32
    assert set(result.versions) == set(result.seconds) == {"native-off", "native-full"}


def test_a_file_that_was_exchanged_since_it_was_chosen_is_not_judged(tiny: Subject) -> None:
    tiny.file.write_bytes(tiny.file.read_bytes() + b"\x12\x00")  # an empty producer's name
    result = examine([tiny], [Plan("native-off", lambda: NativeRunner("off"))])
    assert [verdict.status for verdict in result.verdicts] == ["failed"] * 3
    assert "tiny.onnx has changed since it was chosen" in result.verdicts[0].message


def test_two_runtimes_run_at_once_but_for_those_that_need_all_cores(tiny: Subject) -> None:
    running: set[str] = set()
    beside: dict[str, set[str]] = {}
    meeting = threading.Barrier(2)

    class Met(NativeRunner):
        def run(self, inputs: Mapping[str, Array]) -> Tensors:
            running.add(self.name)
            if self.name in "ac":
                meeting.wait(PATIENCE_SECONDS)
            beside.setdefault(self.name, set()).update(running)
            if self.name in "ac":
                meeting.wait(PATIENCE_SECONDS)
            running.discard(self.name)
            return super().run(inputs)

    def make(name: str) -> NativeRunner:
        runner = Met("full")
        runner.name = name
        return runner

    plans = [Plan(name, partial(make, name), alone=name in "bd") for name in "abcd"]
    assert examine([tiny], plans).passed
    assert beside == {"a": {"a", "c"}, "b": {"b"}, "c": {"a", "c"}, "d": {"d"}}


def test_what_takes_longest_begins(tiny: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "SIDE_BY_SIDE", 1)
    begun = []

    def make(name: str) -> NativeRunner:
        begun.append(name)
        return NativeRunner("full")

    plans = [Plan(name, partial(make, name), first=name == "b") for name in "abc"]
    assert examine([tiny], plans).passed
    assert begun == ["b", "c", "a"]


def test_what_is_stopped_stops_every_runtime(tiny: Subject) -> None:
    seen: list[Verdict] = []

    def interrupt(verdict: Verdict) -> None:
        seen.append(verdict)
        raise KeyboardInterrupt

    plans = [Plan(f"native-{o}", lambda o=o: NativeRunner(o)) for o in ("off", "full")]  # type: ignore[misc]  # mypy cannot type a lambda's default
    with pytest.raises(KeyboardInterrupt):
        examine([tiny], plans, interrupt)
    assert len(seen) <= len(plans)


def test_nothing_judged_has_not_passed() -> None:
    assert not examine([], []).passed
    assert not examine([], [Plan("native-off", lambda: NativeRunner("off"))]).passed


def with_nan(outputs: Tensors) -> Tensors:
    outputs["frame"][..., 0] = np.nan
    return outputs


FAULTS: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "NaN": (with_nan, "not finite"),
    "transposed": (lambda o: {k: v.swapaxes(1, 2) for k, v in o.items()}, "shape is"),
    "missing output": (lambda o: {"onset": o["onset"]}, "missing: frame"),
    "one frame less": (lambda o: {**o, "frame": o["frame"][..., :-1]}, "shape is"),
    "no frames": (lambda o: {k: v[..., :0] for k, v in o.items()}, "shape is"),
    "a little off": (lambda o: {**o, "frame": o["frame"] + np.float32(1e-4)}, "leaves the tol"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_disagrees(fault: str, tiny: Subject) -> None:
    plant, message = FAULTS[fault]
    result = run(tiny, Faulty(plant))
    assert not result.passed
    assert [verdict.status for verdict in result.verdicts] == ["disagrees"] * 3
    assert all(message in verdict.message for verdict in result.verdicts)
    assert all(verdict.in_tolerances > 1 for verdict in result.verdicts)


def test_another_checkpoint_disagrees(tiny: Subject) -> None:
    tiny_models.write(tiny.file, seed=1)
    tiny = replace(tiny, sha256=sha256_of(tiny.file))
    result = run(tiny, NativeRunner("off"))
    statuses = {verdict.signal: verdict.status for verdict in result.verdicts}
    assert statuses == {"silence": "agrees", "noise": "disagrees", "short": "disagrees"}
    assert result.worst["tiny", "fp32"][-1].verdict.status == "disagrees"


def test_a_file_that_does_not_load_fails_for_every_signal_at_one_attempt(tiny: Subject) -> None:
    tiny.file.write_bytes(b"not a model")
    tiny = replace(tiny, sha256=sha256_of(tiny.file))
    runner = Faulty(lambda outputs: outputs)
    result = run(tiny, runner)
    assert [verdict.status for verdict in result.verdicts] == ["failed"] * 3
    assert runner.loads == 1
    assert "cannot load" in result.verdicts[-1].message
    assert result.verdicts[0].in_tolerances == math.inf


def test_a_run_that_fails_is_one_failure_and_the_next_loads_again(tiny: Subject) -> None:
    def fail_on_silence(outputs: Tensors) -> Tensors:
        if outputs["frame"].shape[-1] == 2:
            raise RunnerError("faulty: planted")
        return outputs

    runner = Faulty(fail_on_silence)
    result = run(tiny, runner)
    assert [verdict.status for verdict in result.verdicts] == ["failed", "agrees", "agrees"]
    assert runner.loads == 2


def test_after_a_hang_the_rest_of_the_file_is_given_up(tiny: Subject) -> None:
    def hang(outputs: Tensors) -> Tensors:
        raise HangError("faulty: hung")

    result = run(tiny, Faulty(hang))
    assert [verdict.message for verdict in result.verdicts] == [
        "faulty: hung", "not run: faulty: hung", "not run: faulty: hung",
    ]  # fmt: skip


def test_a_runtime_that_does_not_start_owes_every_case(tiny: Subject) -> None:
    def absent() -> NativeRunner:
        raise RunnerError("chromium-wasm: chromium is not installed")

    result = examine([tiny], [Plan("chromium-wasm", absent)])
    assert [verdict.status for verdict in result.verdicts] == ["not started"] * 3
    assert not result.passed


def test_a_plan_may_take_some_cases_only(tiny: Subject) -> None:
    plan = Plan(
        "native-off", lambda: NativeRunner("off"), lambda subject, case: case.signal == "short"
    )
    assert [verdict.signal for verdict in examine([tiny], [plan]).verdicts] == ["short"]


class TestNotes:
    """A runtime whose tensors are a picture of two notes."""

    def subject(self, tiny: Subject, **promise: float) -> Subject:
        outputs = self.outputs()
        judged = Case(
            "music",
            tiny.cases[0].inputs,
            {name: value.astype(np.float64) for name, value in outputs.items()},
            dict.fromkeys(outputs, Tolerance(1, "the notes are judged here")),
            transcribe(outputs, THRESHOLDS),
            **promise,  # type: ignore[arg-type]  # two floors, by name
        )
        return Subject("tiny", "fp32", tiny.file, tiny.sha256, (judged,), FLOAT32, THRESHOLDS)

    def outputs(self, notes: int = 2) -> Tensors:
        onset, frame = np.zeros((1, 84, 40), np.float32), np.zeros((1, 84, 40), np.float32)
        for row in range(notes):
            onset[0, 10 * row, 5] = frame[0, 10 * row, 5:30] = 1
        return {"onset": onset, "frame": frame}

    def test_equal_notes_agree(self, tiny: Subject) -> None:
        runner = Faulty(lambda _: self.outputs())
        result = run(self.subject(tiny, note_f1=1.0), runner)
        assert result.passed
        notes = result.verdicts[0].notes
        assert notes is not None
        assert (notes.f1, notes.notes) == (1.0, 2)

    def test_a_lost_note_disagrees_though_every_tensor_agrees(self, tiny: Subject) -> None:
        result = run(self.subject(tiny, note_f1=0.9), Faulty(lambda _: self.outputs(notes=1)))
        assert not result.passed
        assert "note F1 is 0.6667, expected 0.9 or more" in result.verdicts[0].message

    def test_notes_that_change_their_timbre_disagree(self, tiny: Subject) -> None:
        def play(timbres: Sequence[int]) -> Tensors:
            embedding = np.zeros((1, 12, 84, 40), np.float32)
            for row, timbre in enumerate(timbres):
                embedding[0, timbre, 10 * row] = 1
            return {**self.outputs(notes=len(timbres)), "embedding": embedding}

        truth = play([0, 1, 2, 3, 0, 1, 2, 3])
        case = Case("music", tiny.cases[0].inputs, truth,
                    dict.fromkeys(truth, Tolerance(1, "the timbres are judged here")),
                    transcribe(truth, THRESHOLDS), note_f1=1.0, label_agreement=0.9)  # fmt: skip
        subject = Subject("tiny", "fp32", tiny.file, tiny.sha256, (case,), {}, THRESHOLDS)
        assert run(subject, Faulty(lambda _: truth)).passed
        result = run(subject, Faulty(lambda _: play([0, 0, 1, 1, 2, 2, 3, 3])))
        assert not result.passed
        assert "of the notes keep their timbre, expected 90%" in result.verdicts[0].message

    def test_a_reference_without_notes_disagrees(self, tiny: Subject) -> None:
        silent = self.outputs(notes=0)
        subject = self.subject(tiny)
        case = Case("music", subject.cases[0].inputs, silent, subject.cases[0].tolerances,
                    transcribe(silent, THRESHOLDS))  # fmt: skip
        subject = Subject("tiny", "fp32", tiny.file, tiny.sha256, (case,), FLOAT32, THRESHOLDS)
        result = run(subject, Faulty(lambda _: silent))
        assert "nothing to compare" in result.verdicts[0].message


def test_where_nothing_sounds_zero_is_promised_exactly() -> None:
    silent = {"onset": np.zeros(3), "frame": np.zeros(3)}
    assert {t.absolute for t in tolerances("basicamt", "fp32", "dc", silent).values()} == {0}
    sounding = {"onset": np.zeros(3), "frame": np.ones(3)}
    assert all(t.absolute > 0 for t in tolerances("basicamt", "fp32", "dc", sounding).values())


def test_exemptions_hold_for_their_model_and_signal_alone() -> None:
    outputs = {"onset": np.ones(3)}
    usual = PROMISES["fp32"].activation
    assert tolerances("basicamt", "fp32", "amplitude-1e+18", outputs)["onset"] == usual
    assert tolerances("basicpitch", "fp32", "dc", outputs)["onset"] == usual
    assert tolerances("basicpitch", "fp32", "amplitude-1e+18", outputs)["onset"] != usual
    heard = {"embedding": np.ones(3)}
    promise = PROMISES["fp16"]
    loud = "amplitude-1e+18"
    assert tolerances("septimbre", "fp16", loud, heard)["embedding"] == promise.embedding
    assert tolerances("tanaka", "fp16", loud, heard)["embedding"] != promise.embedding
    assert tolerances("tanaka", "fp16", loud, outputs)["onset"] == promise.activation
