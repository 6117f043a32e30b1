"""A verdict is kept until something that it depends on changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.manifest import sha256_of
from tests import tiny_models
from verify.compare import Array, Tolerance
from verify.matrix.kept import KeptVerdicts
from verify.matrix.matrix import examine
from verify.matrix.records import Case, Plan, Subject, Verdict
from verify.runtimes.runners import NativeRunner, Tensors

NOISE = np.random.default_rng(0).uniform(-1, 1, (1, 1, 3000)).astype(np.float32)
TOLERANCE = Tolerance(1e-5, "rounding")


class Counted(NativeRunner):
    """Counts its runs."""

    starts = 0
    runs = 0

    def __init__(self) -> None:
        super().__init__("full")
        Counted.starts += 1

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        Counted.runs += 1
        return super().run(inputs)


PLAN = Plan("native-full", Counted, identity="onnxruntime 1")


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    file = tiny_models.write(tmp_path / "tiny.onnx")
    with NativeRunner("off") as runner:
        runner.load(file)
        reference = runner.run({"audio": NOISE})
    case = Case("noise", {"audio": NOISE}, reference, dict.fromkeys(reference, TOLERANCE))
    Counted.starts = Counted.runs = 0
    return Subject("tiny", "fp32", file, sha256_of(file), (case,))


def judge(subject: Subject, path: Path, plan: Plan = PLAN, **options: tuple[Path, ...]) -> Verdict:
    (verdict,) = examine([subject], [plan], memory=KeptVerdicts(path, **options)).verdicts
    return verdict


def test_what_agreed_is_not_judged_again_and_its_runtime_not_started(
    subject: Subject, tmp_path: Path
) -> None:
    first = judge(subject, tmp_path / "kept")
    again = judge(subject, tmp_path / "kept")
    assert (Counted.starts, Counted.runs) == (1, 1)
    assert not first.kept
    assert again == replace(first, kept=True)
    assert first.digest


def change_case(subject: Subject, **fields: object) -> Subject:
    (case,) = subject.cases
    return replace(subject, cases=(replace(case, **fields),))  # type: ignore[arg-type]  # of a Case


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, model="other"),
        lambda s: replace(s, variant="fp16"),
        lambda s: replace(s, dtypes={"onset": "float32", "frame": "float32"}),
        lambda s: change_case(s, signal="other"),
        lambda s: change_case(
            s, tolerances=dict.fromkeys(s.cases[0].reference, replace(TOLERANCE, absolute=2e-5))
        ),
        lambda s: change_case(s, reference={k: v + 1e-7 for k, v in s.cases[0].reference.items()}),
        lambda s: change_case(s, inputs={"audio": NOISE * np.float32(1 + 1e-6)}),
    ],
    ids=["model", "variant", "dtypes", "signal", "tolerance", "reference", "input"],
)
def test_a_change_of_what_is_judged_judges_again(
    change: Callable[[Subject], Subject], subject: Subject, tmp_path: Path
) -> None:
    judge(subject, tmp_path / "kept")
    assert not judge(change(subject), tmp_path / "kept").kept
    assert Counted.runs == 2


def test_another_file_is_judged_again(subject: Subject, tmp_path: Path) -> None:
    judge(subject, tmp_path / "kept")
    subject.file.write_bytes(subject.file.read_bytes() + b"\x12\x00")  # an empty producer's name
    assert not judge(replace(subject, sha256=sha256_of(subject.file)), tmp_path / "kept").kept


@pytest.mark.parametrize("change", [{"name": "native-off"}, {"identity": "onnxruntime 2"}])
def test_another_runtime_or_version_is_judged_again(
    change: dict[str, str], subject: Subject, tmp_path: Path
) -> None:
    judge(subject, tmp_path / "kept")
    assert not judge(subject, tmp_path / "kept", replace(PLAN, **change)).kept  # type: ignore[arg-type]  # two strings of it


def test_a_runtime_of_unknown_version_is_always_judged(subject: Subject, tmp_path: Path) -> None:
    for _ in range(2):
        assert not judge(subject, tmp_path / "kept", replace(PLAN, identity=None)).kept


def test_other_code_judges_again(subject: Subject, tmp_path: Path) -> None:
    code = tmp_path / "ruler.py"
    for text, kept in (("a", False), ("a", True), ("b", False)):
        code = tmp_path / text / "ruler.py"
        code.parent.mkdir(exist_ok=True)
        code.write_text(text)
        assert judge(subject, tmp_path / "kept", code=(code,)).kept is kept


def test_what_disagreed_is_judged_again(subject: Subject, tmp_path: Path) -> None:
    wrong = change_case(
        subject, reference={k: v + 1 for k, v in subject.cases[0].reference.items()}
    )
    for _ in range(2):
        verdict = judge(wrong, tmp_path / "kept")
        assert (verdict.status, verdict.kept) == ("disagrees", False)


def test_a_line_that_was_not_finished_is_judged_again(subject: Subject, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    judge(subject, path)
    path.write_text(path.read_text()[:-30])
    assert not judge(subject, path).kept
    assert judge(subject, path).kept
