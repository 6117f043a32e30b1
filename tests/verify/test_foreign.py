"""Anyone's model from the command line: judged, or refused in one line with status 2."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper

from tests import foreign_models as models
from tests.verify.runtimes.test_child import write_endless
from verify import __main__ as command
from verify.cases.archive import write_npz
from verify.compare import Array
from verify.runtimes.failures import LimitError, NotSupportedError, RunnerError, failure
from web import packages

X = np.array([1, 2, 3], np.float32)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return models.write_unary(tmp_path / "log.onnx", "Log")


def store(path: Path, **arrays: Array) -> Path:
    write_npz(path, {name.replace("_expect", ".expect"): one for name, one in arrays.items()})
    return path


def run(tmp_path: Path, *words: object, runtimes: str = "native-off") -> int:
    out = ["--out", str(tmp_path / "report"), "--quiet", "--runtimes", runtimes]
    return command.main([*map(str, words), *out])


def report(tmp_path: Path) -> str:
    return (tmp_path / "report" / "report.json").read_text()


def statuses(tmp_path: Path) -> list[str]:
    return [verdict["status"] for verdict in json.loads(report(tmp_path))["verdicts"]]


@pytest.mark.usefixtures("browsing")
def test_what_is_not_finite_is_outside_and_is_wider_passes_in_a_browser(
    log: Path, tmp_path: Path
) -> None:
    minus_inf = np.array([0, -np.inf, np.log(3)])
    x = np.array([1, 0, 3], np.float32)
    case = store(tmp_path / "zero.npz", x=x, y=minus_inf, y_expect=np.array("nonfinite"))
    outside = models.write_outside(tmp_path / "outside.onnx")
    sums = store(tmp_path / "sums.npz", x=X, y=2 * X.astype(float))
    words = ["--model", log, "--reference", case, "--model", outside, "--reference", sums]
    assert run(tmp_path, *words, runtimes="native-full,chromium-wasm") == 0
    assert statuses(tmp_path) == ["agrees"] * 4
    (tmp_path / "weights.bin").write_bytes(np.array([1, 2, 4], np.float32).tobytes())
    before = {file["file"]: file["sha256"] for file in json.loads(report(tmp_path))["files"]}
    assert run(tmp_path, *words) == 1
    after = {file["file"]: file["sha256"] for file in json.loads(report(tmp_path))["files"]}
    assert before["log.onnx"] == after["log.onnx"]
    assert before["outside.onnx"] != after["outside.onnx"]


def test_infinity_without_a_word_is_red(log: Path, tmp_path: Path) -> None:
    case = store(tmp_path / "a.npz", x=0 * X, y=np.full(3, -np.inf, np.float32))
    assert run(tmp_path, "--model", log, "--reference", case) == 1


def test_each_output_has_its_tolerance(tmp_path: Path) -> None:
    nodes = [helper.make_node(name, ["x"], [name.lower()]) for name in ("Exp", "Abs")]
    ports = [models.value(name, [3]) for name in ("x", "exp", "abs")]
    file = models.write(tmp_path / "two.onnx", nodes, ports[:1], ports[1:])
    case = store(tmp_path / "a.npz", x=X, exp=np.exp(X) + np.float32(0.1), abs=X)
    words = ["--model", file, "--reference", case, "--tolerance"]
    assert run(tmp_path, *words, "0.2") == 0
    assert run(tmp_path, *words, "1e-6", "exp=0.2") == 0
    assert run(tmp_path, *words, "1e-6", "exp=0.05") == 1
    assert run(tmp_path, *words, "0.2", "exp=1e-3") == 1
    assert run(tmp_path, *words, "1e-6", "--relative", "exp=0.05") == 0
    assert run(tmp_path, *words, "expo=1") == 2


def test_a_folder_as_onnx_has_it_needs_no_reference(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "test_log"
    (folder / "test_data_set_0").mkdir(parents=True)
    log.rename(folder / "model.onnx")
    for name, value in (("input_0", X), ("output_0", np.log(X))):
        data = numpy_helper.from_array(value).SerializeToString()
        (folder / "test_data_set_0" / f"{name}.pb").write_bytes(data)
    assert run(tmp_path, "--model", folder) == 0
    assert json.loads(report(tmp_path))["files"][0]["model"] == "test_log"


def test_a_made_reference_says_whose_it_is_and_can_be_used_again(log: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "--model", log, "--make-reference") == 0
    assert "onnxruntime's own word, not that of the framework" in report(tmp_path)
    made = sorted((tmp_path / "report" / "reference" / "log").iterdir())
    assert [path.stem for path in made] == ["inf", "minus-inf", "nan", "ones", "seeded", "zeros"]
    assert run(tmp_path, "--model", log, "--reference", *made) == 0


def test_a_torch_module_disagrees_where_the_file_is_wrong(log: Path, tmp_path: Path) -> None:
    net = tmp_path / "net.py"
    net.write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x): return torch.log(x.abs() + 1e-9)\n"
    )
    case = store(tmp_path / "inputs.npz", x=X)
    words = ["--model", log, "--against", f"{net}:Net"]
    assert run(tmp_path, *words, "--reference", case) == 0
    assert run(tmp_path, *words) == 1  # on zeros


def test_what_a_runtime_lacks_is_no_disagreement(tmp_path: Path) -> None:
    file = models.write_unary(tmp_path / "a.onnx", "Nonsense")
    case = store(tmp_path / "a.npz", x=X, y=X)
    assert run(tmp_path, "--model", file, "--reference", case) == 2
    assert statuses(tmp_path) == ["not supported"]
    assert "No Op registered for Nonsense" in report(tmp_path)


def test_a_model_that_never_ends_is_stopped(tmp_path: Path) -> None:
    file = write_endless(tmp_path / "a.onnx")
    case = store(tmp_path / "a.npz", x=X, y=X)
    assert run(tmp_path, "--model", file, "--reference", case, "--time-limit", "2") == 2
    assert statuses(tmp_path) == ["stopped"]
    assert "hung: could not" in report(tmp_path)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("ERROR_MESSAGE: std::bad_alloc", LimitError),
        ("RangeError: Array buffer allocation failed", LimitError),
        ("INVALID_ARGUMENT : Tensor shape is too large", LimitError),
        ("ERROR_CODE: 9, Could not find an implementation for Where(9)", NotSupportedError),
        ("This is an invalid model. Error Unrecognized attribute: window", NotSupportedError),
        ("RuntimeError: memory access out of bounds", RunnerError),
    ],
)
def test_a_runtimes_words_are_understood(words: str, kind: type[RunnerError]) -> None:
    assert type(failure(words)) is kind


def test_a_model_that_takes_all_memory_is_stopped(tmp_path: Path) -> None:
    node = helper.make_node("ConstantOfShape", ["shape"], ["y"])
    file = models.write(
        tmp_path / "a.onnx", [node], [], [models.value("y", None)], {"shape": np.array([2**42])}
    )
    case = store(tmp_path / "a.npz", y=X)
    assert run(tmp_path, "--model", file, "--reference", case) == 2
    assert statuses(tmp_path) == ["stopped"]


def test_chance_is_no_disagreement(tmp_path: Path) -> None:
    file = models.write_unary(tmp_path / "a.onnx", "RandomNormalLike")
    case = store(tmp_path / "a.npz", x=X, y=X)
    assert run(tmp_path, "--model", file, "--reference", case) == 2
    assert statuses(tmp_path) == ["not deterministic"]
    assert "two runs on the same input differ" in report(tmp_path)


def test_names_that_differ_in_case_alone_are_refused(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, name in (("a", "case"), ("b", "Case")):
        (tmp_path / folder).mkdir()
        store(tmp_path / folder / f"{name}.npz", x=X, y=np.log(X))
    cases = [tmp_path / "a" / "case.npz", tmp_path / "b" / "Case.npz"]
    assert run(tmp_path, "--model", log, "--reference", *cases) == 2
    assert "two cases are called case and Case" in capsys.readouterr().err
    words = ["--reference", cases[0], "--model", log, "--model", tmp_path / "LOG.onnx"]
    assert run(tmp_path, *words, "--reference", cases[0]) == 2
    assert "two models are called log and LOG" in capsys.readouterr().err


def test_what_is_no_model_or_reference_is_one_line(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", X)
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    for words in (
        ["--model", log, "--reference", tmp_path / "a.npy"],
        ["--model", text, "--reference", tmp_path / "a.npy"],
        ["--model", tmp_path, "--reference", tmp_path / "a.npy"],
        ["--model", log, "--reference", tmp_path],
        ["--model", log],
        ["--make-reference"],
    ):
        assert run(tmp_path, *words) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    for given in ([log, "--input", tmp_path / "a.npy"], [text], [tmp_path / "a.npy"]):
        assert command.main(["bisect", *map(str, given), "--runtime", "native-off"]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "report").exists()


def test_a_crash_of_ours_is_no_disagreement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(arguments: object) -> int:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(command, "_matrix", crash)
    assert command.main([]) == command.CRASHED == 3
    assert "a fault of this tool, not of the model" in capsys.readouterr().err


def test_whatever_a_model_gives_is_reported(tmp_path: Path) -> None:
    """A number alone, a truth, a word and a row: each has its picture, or none."""
    values: dict[str, Array] = {
        "scalar": np.array(1.5, np.float32),
        "truth": np.array([True, False]),
        "word": np.array(["a", "b"]),
        "row": np.zeros((1, 1, 1, 7), np.float32),
    }
    elements = (1, 9, 8, 1)
    ports = [
        models.value(n, v.shape, e) for (n, v), e in zip(values.items(), elements, strict=True)
    ]
    made = [models.value(f"{port.name}2", None, port.type.tensor_type.elem_type) for port in ports]
    nodes = [helper.make_node("Identity", [name], [f"{name}2"]) for name in values]
    file = models.write(tmp_path / "a.onnx", nodes, ports, made)
    good = store(tmp_path / "good.npz", **values, **{f"{name}2": v for name, v in values.items()})
    off = {f"{name}2": v[::-1].copy() if v.ndim == 1 else v + 1 for name, v in values.items()}
    assert run(tmp_path, "--model", file, "--reference", good) == 0
    assert (
        run(tmp_path, "--model", file, "--reference", store(tmp_path / "off.npz", **values, **off))
        == 1
    )
    assert "2 of 2 strings differ" in report(tmp_path)


def test_what_is_not_installed_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lack(arguments: object) -> int:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(command, "_matrix", lack)
    assert command.main([]) == 2
    assert "this needs torch: pip install 'tiny-amt[export]'" in capsys.readouterr().err


def test_onnxruntime_web_is_taken_from_where_it_is_said_to_be(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(packages.FOLDER, "")  # what the command sets goes with the test
    case = store(tmp_path / "a.npz", x=X, y=np.log(X))
    words = ["--model", log, "--reference", case, "--runtime-dir", tmp_path / "empty"]
    assert run(tmp_path, *words, runtimes="chromium-wasm") == 2
    assert statuses(tmp_path) == ["not started"]
    assert f"give --runtime-dir DIR: it is not in {tmp_path / 'empty'}" in report(tmp_path)
