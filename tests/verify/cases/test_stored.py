"""A stored case is what the model takes, or is refused with what to store instead."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests import foreign_models as models
from verify.cases.archive import CaseError, write_npz
from verify.cases.stored import read_case
from verify.compare import Array
from verify.runtimes.onnx_file import OnnxFile, read_onnx

X = np.array([1, 2, 3], np.float32)


@pytest.fixture
def file(tmp_path: Path) -> OnnxFile:
    return read_onnx(models.write_unary(tmp_path / "model.onnx", "Log"))


def store(folder: Path, **arrays: Array) -> Path:
    path = folder / "case.npz"
    write_npz(path, {name.replace("_expect", ".expect"): one for name, one in arrays.items()})
    return path


def test_an_archive_is_a_case(file: OnnxFile, tmp_path: Path) -> None:
    case = read_case(store(tmp_path, x=X, y=np.log(X), more=X), file)
    assert (case.name, list(case.inputs), list(case.outputs)) == ("case", ["x"], ["y"])
    assert (case.expected, case.dtypes) == ({}, {})


def test_a_wider_reference_leaves_the_file_its_own_type(file: OnnxFile, tmp_path: Path) -> None:
    case = read_case(store(tmp_path, x=X, y=np.log(X.astype(float))), file)
    assert case.dtypes == {"y": "float32"}
    whole = read_case(store(tmp_path, x=X, y=np.zeros(3, int)), file)
    assert whole.dtypes == {}, "numbers of another kind stay a disagreement"


def test_an_archive_says_what_to_expect(file: OnnxFile, tmp_path: Path) -> None:
    minus_inf = np.array([0, -np.inf, 1], np.float32)
    path = store(tmp_path, x=X, y=minus_inf, y_expect=np.array("nonfinite"))
    assert read_case(path, file).expected == {"y": "nonfinite"}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "holds nothing; missing: x"),
        ({"x": X}, "holds x; missing: y"),
        ({"X": X, "y": X}, r"missing: x \(upper and lower case matter: X\)"),
        ({"x": X.astype(float), "y": X}, r"x is float64, the file takes float32; store x.astype"),
        ({"x": X[None], "y": X}, r"x has shape \[1, 3\], the file takes \[3\]"),
        ({"x": X, "y": X[:0]}, 'y holds no element.*store y.expect = "empty"'),
        ({"x": X, "y": X, "y_expect": np.array("nan")}, "it may be nonfinite or empty"),
        ({"x": X, "y": X, "z_expect": np.array("empty")}, "z, which is no output"),
    ],
)
def test_what_cannot_be_judged_is_one_line(
    arrays: dict[str, Array], message: str, file: OnnxFile, tmp_path: Path
) -> None:
    with pytest.raises(CaseError, match=message) as error:
        read_case(store(tmp_path, **arrays), file)
    assert len(str(error.value).splitlines()) == 1


class TestFolder:
    """As ONNX's own tests have it."""

    def store(self, folder: Path, y: Array = X) -> Path:
        folder = folder / "test_data_set_0"
        folder.mkdir()
        for name, value in (("input_0", X), ("output_0", y)):
            (folder / f"{name}.pb").write_bytes(numpy_helper.from_array(value).SerializeToString())
        return folder

    def test_it_is_a_case(self, file: OnnxFile, tmp_path: Path) -> None:
        case = read_case(self.store(tmp_path), file)
        assert case.name == "test_data_set_0"
        assert np.array_equal(case.inputs["x"], X)
        assert list(case.outputs) == ["y"]

    def test_it_says_what_to_expect(self, file: OnnxFile, tmp_path: Path) -> None:
        folder = self.store(tmp_path, np.full(3, -np.inf, np.float32))
        (folder / "expect.json").write_text('{"y": "nonfinite"}')
        assert read_case(folder, file).expected == {"y": "nonfinite"}
        for hostile in (
            "[" * 100_000,
            "[]",
            '{"y": "' + "1" * 9 + '"}',
            json.dumps({"z": "empty"}),
        ):
            (folder / "expect.json").write_text(hostile)
            with pytest.raises(CaseError):
                read_case(folder, file)

    def test_sequences_strings_and_bfloat16_are_read(self, tmp_path: Path) -> None:
        ports = [
            helper.make_value_info(
                "s", helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [3]))
            ),
            models.value("t", [2], TensorProto.STRING),
            models.value("b", [3], TensorProto.BFLOAT16),
        ]
        nodes = [helper.make_node("Identity", [n], [f"{n}2"]) for n in "stb"]
        file = read_onnx(models.write(tmp_path / "m.onnx", nodes, ports, []))
        (tmp_path / "input_0.pb").write_bytes(
            numpy_helper.from_list([X, 2 * X]).SerializeToString()
        )
        words = numpy_helper.from_array(np.array(["é", ""], object))
        (tmp_path / "input_1.pb").write_bytes(words.SerializeToString())
        brain = helper.make_tensor("b", TensorProto.BFLOAT16, [3], X)
        (tmp_path / "input_2.pb").write_bytes(brain.SerializeToString())
        inputs = read_case(tmp_path, file, outputs=False).inputs
        assert inputs["s[]"] == 2
        assert inputs["s[1]"].tolist() == [2, 4, 6]
        assert inputs["t"].tolist() == ["é", ""]
        assert inputs["b"].dtype == np.float32
        assert inputs["b"].tolist() == [1, 2, 3]

    @pytest.mark.parametrize("kind", ["text", "cut", "link", "outside", "vast", "none"])
    def test_a_hostile_file_is_one_line(self, kind: str, file: OnnxFile, tmp_path: Path) -> None:
        folder = self.store(tmp_path)
        path = folder / "input_0.pb"
        if kind == "text":
            path.write_text("not a tensor at all")
        elif kind == "cut":
            path.write_bytes(path.read_bytes()[:-3])
        elif kind == "link":
            path.rename(tmp_path / "elsewhere.pb")
            path.symlink_to(tmp_path / "elsewhere.pb")
        elif kind == "outside":
            tensor = numpy_helper.from_array(X)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="/etc/passwd")
            path.write_bytes(tensor.SerializeToString())
        elif kind == "vast":
            tensor = TensorProto(data_type=1, dims=[2**40], raw_data=b"1234")
            path.write_bytes(tensor.SerializeToString())
        else:
            path.unlink()
            (folder / "output_0.pb").unlink()
        with pytest.raises(CaseError) as error:
            read_case(folder, file)
        assert str(folder) in str(error.value)
        assert len(str(error.value).splitlines()) == 1
