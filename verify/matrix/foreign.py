"""Anyone's models: from the command line to subjects, with references that are stored or made.

A model is an .onnx file, or a folder as ONNX's own tests have it: model.onnx beside test_data_set_0
and so on. A reference belongs to the model before it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from verify.cases.against import open_against
from verify.cases.make import make_cases, read_shapes, witness_of, write_case
from verify.cases.stored import StoredCase, read_case
from verify.compare import Tolerance
from verify.matrix.records import Case, LeftOut, Subject
from verify.matrix.subjects import SubjectError
from verify.runtimes.child import ChildRunner
from verify.runtimes.onnx_file import OnnxFile, read_onnx
from verify.runtimes.runners import Runner, Tensors
from verify.runtimes.session import Limits

VARIANT = "file"
"""What the report calls a model that has no variants."""


@dataclass
class Given:
    """A model on the command line, and its references."""

    model: Path
    references: list[Path] = field(default_factory=list)


def group(words: Sequence[tuple[str, Path]], *, made: bool = False) -> list[Given]:
    """Each ``--model`` with the ``--reference`` after it; those before the first are the first's.

    Folders in ONNX's manner bring their own. SubjectError without a model, if two cannot be told
    apart, or if one has no reference and none is ``made``.
    """
    models: list[Given] = []
    early: list[Path] = []
    for kind, path in words:
        if kind == "model":
            models.append(_open(path))
        else:
            (models[-1].references if models else early).append(path)
    if not models:
        raise SubjectError("--model and --reference go together")
    models[0].references[:0] = early
    for given in models:
        if not given.references and not made:
            raise SubjectError(
                f"{given.model}: --model and --reference go together; without one, "
                "--make-reference takes native onnxruntime's word, --against FILE.py:FUNCTION a "
                "PyTorch module's"
            )
    prove_distinct("models", [name_of(given.model) for given in models])
    return models


def _open(path: Path) -> Given:
    if not path.is_dir():
        return Given(path)
    if not (path / "model.onnx").is_file():
        raise SubjectError(f"{path} is a folder without model.onnx in it")
    return Given(path / "model.onnx", sorted(path.glob("test_data_set_*")))


def name_of(model: Path) -> str:
    """As the report calls it: a folder's name where the file is only called model."""
    return model.stem if model.stem != "model" else model.absolute().parent.name


def prove_distinct(what: str, names: Sequence[str]) -> None:
    """SubjectError if two names are equal, or differ in upper and lower case alone."""
    lower = [name.lower() for name in names]
    if twice := [name for name in names if lower.count(name.lower()) > 1]:
        raise SubjectError(f"two {what} are called {' and '.join(twice[:2])}; rename one")


def read_tolerances(absolute: Sequence[str], relative: Sequence[str]) -> dict[str, Tolerance]:
    """Tolerances by output, under "" that of all others: ``1e-5``, or ``onset=1e-3`` for one.

    SubjectError for what is no number.
    """
    absolutes = _by_output("--tolerance", absolute, "1e-5")
    relatives = _by_output("--relative", relative, "0")
    reason = "given on the command line"
    try:
        return {
            name: Tolerance(
                absolutes.get(name, absolutes[""]), reason, relatives.get(name, relatives[""])
            )
            for name in {**absolutes, **relatives}
        }
    except ValueError as error:
        raise SubjectError(str(error)) from None


def _by_output(option: str, words: Sequence[str], default: str) -> dict[str, float]:
    """Numbers by output; under "" that of all others."""
    found = {"": float(default)}
    for word in words:
        name, _, number = word.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise SubjectError(f"{option} {word}: expected a number, or OUTPUT=NUMBER") from None
    return found


def foreign(args: argparse.Namespace, notes: list[LeftOut]) -> tuple[list[Subject], dict[str, str]]:
    """The subjects that a command line means, and the reason of each case that was made.

    ``notes`` gets what was left out. SubjectError, CaseError or ModelFileError, in one line each.
    """
    tolerances = read_tolerances(args.tolerance, args.relative)
    models = group(args.given, made=bool(args.against or args.make_reference))
    if args.against and len(models) > 1:
        raise SubjectError("--against takes one --model")
    files = [read_onnx(given.model) for given in models]
    outputs = [port.name for file in files for port in file.outputs]
    if unknown := tolerances.keys() - {"", *outputs}:
        there = ", ".join(dict.fromkeys(outputs))
        raise SubjectError(f"no output is called {', '.join(sorted(unknown))}; there are: {there}")
    subjects: list[Subject] = []
    why: dict[str, str] = {}
    for given, file in zip(models, files, strict=True):
        cases = _cases(args, given, file, notes, why)
        prove_distinct("cases", [case.name for case in cases])
        subjects.append(_subject(given, file, cases, tolerances))
    return subjects, why


def _cases(
    args: argparse.Namespace,
    given: Given,
    file: OnnxFile,
    notes: list[LeftOut],
    why: dict[str, str],
) -> list[StoredCase]:
    if not args.against and not args.make_reference:
        return [read_case(path, file) for path in given.references]
    name = name_of(given.model)
    with _open_witness(args, file) as witness:

        def run(inputs: Tensors) -> Tensors:
            witness.load(file.path)  # again, since a failure ends what was loaded
            return witness.run(inputs)

        versions = " ".join(f"{tool} {number}" for tool, number in witness.versions.items())
        if given.references:
            cases = []
            for path in given.references:
                inputs = read_case(path, file, outputs=False).inputs
                cases.append(witness_of(path.stem, inputs, run, file))
        else:
            cases, problems = make_cases(file, run, read_shapes(args.shape))
            notes += [LeftOut(f"{name} on {case}", words) for case, words in problems.items()]
    said = f"the reference is {witness.name}, {versions}"
    if not args.against:
        said += ": onnxruntime's own word, not that of the framework that the model comes from"
        notes.append(LeftOut(f"{name} in its own framework", said))
    for case in cases:
        why[case.name] = said
        write_case(case, args.out / "reference" / name)
    return cases


def _open_witness(args: argparse.Namespace, file: OnnxFile) -> Runner:
    if args.against:
        return open_against(args.against, file)
    limits = replace(Limits(), load=args.time_limit, run=args.time_limit)
    return ChildRunner("off", limits=limits)


def _subject(
    given: Given, file: OnnxFile, cases: Sequence[StoredCase], tolerances: dict[str, Tolerance]
) -> Subject:
    def judged(case: StoredCase) -> Case:
        by_output = {
            # An element of a sequence, y[0], has the tolerance of y.
            name: tolerances.get(name) or tolerances.get(name.partition("[")[0], tolerances[""])
            for name in case.outputs
        }
        return Case(
            case.name,
            case.inputs,
            case.outputs,
            by_output,
            expected=case.expected,
            dtypes=case.dtypes,
        )

    return Subject(
        name_of(given.model),
        VARIANT,
        file.path,
        file.sha256,
        tuple(map(judged, cases)),
        foreign=True,
    )
