"""A file with NaN or infinite outputs, or outputs of another shape, stops the export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from export.prove import NumberError, measure_error, read_cases

MUSIC = np.linspace(0.1, 0.9, 32, dtype=np.float32).reshape(1, 1, -1)


def write_file(folder: Path, operators: str) -> Path:
    """A file that puts its audio through operators, one by one, to its output ``onset``."""
    steps = operators.split()
    names = ["audio", *(f"step{i}" for i in range(1, len(steps))), "onset"]
    nodes = [helper.make_node(step, [names[i]], [names[i + 1]]) for i, step in enumerate(steps)]
    audio, onset = (helper.make_tensor_value_info(n, 1, None) for n in ("audio", "onset"))
    graph = helper.make_graph(nodes, "g", [audio], [onset])
    opsets = [helper.make_opsetid("", 18)]
    path = folder / "file.onnx"
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=opsets), path)
    return path


def test_the_error_is_the_largest_on_music_to_three_digits(tmp_path: Path) -> None:
    truth = MUSIC.copy()
    truth[0, 0, 7] += 0.012344
    error = measure_error(write_file(tmp_path, "Identity"), ("onset",), read_cases(MUSIC), [truth])
    assert error == {"onset": 0.0123}


@pytest.mark.parametrize(
    ("operators", "case"), [("Log", "silence"), ("Reciprocal", "silence"), ("Neg Sqrt", "music")]
)
def test_a_file_without_numbers_is_refused(operators: str, case: str, tmp_path: Path) -> None:
    """The logarithm of silence once brought NaN into browsers."""
    path = write_file(tmp_path, operators)
    with pytest.raises(NumberError, match=rf"on {case}: onset: \d+ of \d+ elements are not finite"):
        measure_error(path, ("onset",), read_cases(MUSIC), [MUSIC])


def test_another_shape_is_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path, "Identity")
    with pytest.raises(NumberError, match=r"onset: shape is \[1, 1, 32\], expected \[1, 1, 1\]"):
        measure_error(path, ("onset",), read_cases(MUSIC), [MUSIC[:, :, :1]])
