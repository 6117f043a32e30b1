"""The node tests that the ``onnx`` package carries, as subjects.

A test says nothing of outputs that are not finite or empty, so that here its own expected values
say it: where they are, the runtime's must be the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from verify.cases.archive import CaseError, write_npz
from verify.cases.folder import widen
from verify.cases.make import expect
from verify.cases.stored import EXPECT, narrower
from verify.compare import Tolerance
from verify.matrix.records import Case, Subject
from verify.runtimes.onnx_file import OnnxFile, Port, read_onnx
from verify.runtimes.values import Tensors, spread

VARIANT = "node test"


def collect(patterns: Sequence[str]) -> list[Any]:
    """The tests whose name matches a pattern, by name; CaseError if none does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tests divide by zero on purpose
        from onnx.backend.test.case.node import collect_testcases

        tests = collect_testcases(None)
    chosen = [one for one in tests if any(fnmatchcase(one.name, word) for word in patterns)]
    if not chosen:
        raise CaseError(f"no test is called {', '.join(patterns)}; there are {len(tests)}")
    return sorted(chosen, key=lambda one: str(one.name))


def write(test: Any, folder: Path) -> OnnxFile:  # noqa: ANN401  # onnx's own class
    """The model as ``FOLDER/NAME/model.onnx``."""
    path = folder / test.name / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(test.model.SerializeToString())
    return read_onnx(path)


def to_subject(test: Any, file: OnnxFile) -> Subject:  # noqa: ANN401  # as above
    """A test as a subject; CaseError for what this tool cannot feed.

    The data is written beside the model, so that ``verify --model FOLDER`` judges it again.
    """
    cases = []
    for i, (inputs, outputs) in enumerate(test.data_sets):
        given = _name(file.inputs, inputs)
        wanted = _name(file.outputs, outputs)
        said = expect(wanted)
        name = f"test_data_set_{i}"
        words = {output + EXPECT: np.array(word) for output, word in said.items()}
        write_npz(file.path.parent / f"{name}.npz", {**given, **wanted, **words})
        tolerance = Tolerance(test.atol, "the test's own", test.rtol)
        cases.append(
            Case(
                name,
                given,
                wanted,
                dict.fromkeys(wanted, tolerance),
                expected=said,
                dtypes=narrower(file.outputs, wanted),
            )
        )
    return Subject(test.name, VARIANT, file.path, file.sha256, tuple(cases), foreign=True)


def _name(ports: Sequence[Port], values: Sequence[Any]) -> Tensors:
    """Values by the names of their ports, in order."""
    tensors: Tensors = {}
    for port, value in zip(ports, values, strict=False):
        if port.kind == "other":
            raise CaseError(f"{port.name} is a {port.stored}")
        if value is None and port.kind == "tensor":
            continue
        try:
            tensors |= spread(port.name, widen(port, _decode(value)))
        except TypeError as error:
            raise CaseError(f"{port.name}: {error}") from None
    return tensors


def _decode(value: Any) -> Any:  # noqa: ANN401  # whatever a test holds
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return [_decode(one) for one in value] if isinstance(value, list) else value


def subjects(tests: Sequence[Any], folder: Path) -> Iterator[Subject | tuple[str, str]]:
    """Each test as a subject, or its name and why it cannot be one."""
    for test in tests:
        try:
            yield to_subject(test, write(test, folder))
        except (CaseError, ValueError) as error:
            yield test.name, str(error)
