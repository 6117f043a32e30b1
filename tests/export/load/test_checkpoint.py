"""Checkpoints are read without running their code, and refused in one clear line."""

from __future__ import annotations

import argparse
import datetime
import os
import pickle
import zipfile
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
import safetensors.torch
import torch

from export.catalog import MODELS
from export.load.checkpoint import CheckpointError, load_into, load_state


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(1)
    return MODELS["basicamt"].build().get_submodule("network")


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_state_dict(network: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "a.pth")
    assert same(load_state(tmp_path / "a.pth"), network.state_dict())


def test_state_dict_beside_other_things(network: torch.nn.Module, tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": network.state_dict()}, tmp_path / "a.pth")
    assert same(load_state(tmp_path / "a.pth"), network.state_dict())


def test_whole_module(network: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(network, tmp_path / "a.pth")
    assert same(load_state(tmp_path / "a.pth"), network.state_dict())


def test_safetensors(network: torch.nn.Module, tmp_path: Path) -> None:
    safetensors.torch.save_file(network.state_dict(), tmp_path / "a.safetensors")
    assert same(load_state(tmp_path / "a.safetensors"), network.state_dict())


def test_views_share_a_storage(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    torch.save({"row": whole[1], "column": whole[:, 2]}, tmp_path / "a.pth")
    state = load_state(tmp_path / "a.pth")
    assert state["row"].tolist() == [4, 5, 6, 7]
    assert state["column"].tolist() == [2, 6, 10]


@pytest.mark.parametrize("name", ["basicamt", "septimbre", "basicpitch"])
def test_published_checkpoints_load_strictly(name: str, shared: Path) -> None:
    path = shared / "checkpoints" / f"{name}.pth"
    load_into(MODELS[name].build().get_submodule("network"), load_state(path), path)


def test_note_branch_alone(shared: Path) -> None:
    path = shared / "checkpoints" / "septimbre_note_branch.pth"
    load_into(
        MODELS["septimbre"].build().get_submodule("network.note_branch"), load_state(path), path
    )


class Command:
    """A hostile pickle, which has a function called while it is read."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.target}",)


def test_a_command_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    torch.save({"weight": torch.zeros(1), "hidden": Command(witness)}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match=r"asks to call (posix|nt)\.system"):
        load_state(tmp_path / "evil.pth")
    assert not witness.exists()
    torch.load(tmp_path / "evil.pth", weights_only=False)
    assert witness.exists(), "the fault was planted badly: nothing would have been run"


def test_getattr_reaches_nothing(tmp_path: Path) -> None:
    """Real checkpoints call getattr, so it is allowed, but it must return nothing real."""
    payload = b"cbuiltins\ngetattr\n(cos\nsystem\nS'__call__'\ntR(S'true'\ntR."
    write_archive(tmp_path / "evil.pth", payload)
    with pytest.raises(CheckpointError, match="refused"):
        load_state(tmp_path / "evil.pth")


def test_a_module_of_another_shape_is_refused(network: torch.nn.Module, tmp_path: Path) -> None:
    network.__dict__["_parameters"] = [torch.zeros(1)]
    torch.save(network, tmp_path / "odd.pth")
    with pytest.raises(CheckpointError, match="refused"):
        load_state(tmp_path / "odd.pth")


def test_eight_bit_floats_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for value in (0.5, float("nan")):
        weight = torch.tensor([1.0, value]).to(torch.float8_e4m3fn)
        safetensors.torch.save_file({"weight": weight}, path)
        if value == 0.5:
            assert load_state(path)["weight"].float().tolist() == [1.0, 0.5]
        else:
            with pytest.raises(CheckpointError, match="weight has 1 NaN"):
                load_state(path)


def write_archive(path: Path, data: bytes, **storages: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", data)
        for key, content in storages.items():
            archive.writestr(f"a/data/{key}", content)


def test_a_storage_shorter_than_it_says(network: torch.nn.Module, tmp_path: Path) -> None:
    torch.save({"weight": torch.arange(100.0)}, tmp_path / "a.pth")
    with (
        zipfile.ZipFile(tmp_path / "a.pth") as good,
        zipfile.ZipFile(tmp_path / "b.pth", "w") as bad,
    ):
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data[:-8] if "/data/" in name else data)
    with pytest.raises(CheckpointError, match="392 bytes, expected 400"):
        load_state(tmp_path / "b.pth")


BROKEN = {
    "empty": (b"", "an empty file"),
    "a web page": (b"<!DOCTYPE html><html><body>Not found</body></html>", "a web page"),
    "text": (b"hello", "not a checkpoint"),
    "a bare pickle": (pickle.dumps({"a": 1}), "not a checkpoint"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_not_a_checkpoint(kind: str, tmp_path: Path) -> None:
    content, expected = BROKEN[kind]
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=expected) as caught:
        load_state(tmp_path / "a.pth")
    assert "\n" not in str(caught.value)
    assert "expected a file of torch.save" in str(caught.value)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_truncated(kept: float, network: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "a.pth")
    data = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(data[: round(kept * len(data))])
    with pytest.raises(CheckpointError, match="truncated"):
        load_state(tmp_path / "a.pth")


def test_truncated_safetensors(network: torch.nn.Module, tmp_path: Path) -> None:
    safetensors.torch.save_file(network.state_dict(), tmp_path / "a.safetensors")
    data = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(data[:-100])
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_state(tmp_path / "a.safetensors")


def test_no_tensors(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds no tensors"):
        load_state(tmp_path / "a.pth")


def test_a_list(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds a list"):
        load_state(tmp_path / "a.pth")


def test_nan_weights(network: torch.nn.Module, tmp_path: Path) -> None:
    state = network.state_dict()
    state["neck.conv.weight"][0, 0, 0, :2] = torch.nan
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"neck\.conv\.weight has 2 NaN or infinite values"):
        load_state(tmp_path / "a.pth")


def test_missing_extra_and_misshapen_keys(network: torch.nn.Module) -> None:
    state = dict(network.state_dict())
    state["neck.conv.weights"] = state.pop("neck.conv.weight")
    state["k"] = torch.zeros(3)
    with pytest.raises(CheckpointError) as caught:
        load_into(network, state, Path("a.pth"))
    message = str(caught.value)
    assert "a.pth: not a checkpoint of BasicAMT" in message
    assert "k is (3,), expected ()" in message
    assert "1 missing (neck.conv.weight)" in message
    assert "1 unknown (neck.conv.weights)" in message


def test_another_models_checkpoint(network: torch.nn.Module) -> None:
    other = MODELS["basicpitch"].build().get_submodule("network")
    with pytest.raises(CheckpointError, match="not a checkpoint of BasicAMT"):
        load_into(network, dict(other.state_dict()), Path("a.pth"))


def list_ordinary_things() -> dict[str, object]:
    """Other objects that training scripts store beside the weights."""
    counts: defaultdict[str, int] = defaultdict(int, steps=3)
    return {
        "losses": np.arange(6.0).reshape(2, 3),
        "words": np.array(["a", "bc"]),
        "best": np.float64(0.93),
        "seed": np.int64(7),
        "dtype": np.dtype("float32"),
        "path": Path("run/1"),
        "other path": PureWindowsPath("run"),
        "device": torch.device("cpu"),
        "size": torch.Size([1, 2]),
        "type": torch.float16,
        "counts": counts,
        "order": OrderedDict(b=1, a=2),
        "histogram": Counter("abba"),
        "last": deque([1, 2], maxlen=3),
        "when": datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC),
        "day": datetime.date(2026, 1, 2),
        "took": datetime.timedelta(hours=3),
        "layers": {(1, 2): "a tuple", 3: "a number", None: "nothing", frozenset("x"): "a set"},
        "names": {"a", "b"},
        "bytes": b"\x00\x01",
        "bytearray": bytearray(b"\x00"),
        "complex": 1j,
        "slice": slice(1, 2),
        "range": range(3),
        "options": argparse.Namespace(lr=1e-3),
        "great": 2**100,
        "float": float("inf"),
        "nested": [((),), {"deep": [None, True]}],
    }


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", list_ordinary_things())
def test_ordinary_things_beside_the_weights(name: str, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    thing = list_ordinary_things()[name]
    weight = torch.arange(3.0)
    for content in ({"state_dict": {"w": weight}, "x": thing}, {"w": weight, "x": thing}):
        torch.save(content, path, pickle_protocol=protocol)
        assert same(load_state(path), {"w": weight})


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_tensors_of_every_kind(protocol: int, tmp_path: Path) -> None:
    grown = torch.arange(4.0, requires_grad=True)
    noted = torch.arange(4.0)
    noted.__dict__["note"] = "mine"
    state = {
        "parameter": torch.nn.Parameter(torch.arange(3.0)),
        "buffer": torch.nn.Buffer(torch.arange(3)),
        "grown": grown,
        "noted": noted,
        "repeated": torch.ones(1, 1).expand(2, 3),
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "half": torch.ones(2, dtype=torch.float16),
        "brain": torch.ones(2, dtype=torch.bfloat16),
        "flags": torch.tensor([True, False]),
        "empty": torch.empty(0, 3),
        "number": torch.tensor(3),
    }
    for content in (state, defaultdict(None, state), OrderedDict(state)):
        torch.save(content, tmp_path / "a.pth", pickle_protocol=protocol)
        found = load_state(tmp_path / "a.pth")
        assert same(found, {name: tensor.detach() for name, tensor in state.items()})
        assert [t.dtype for t in found.values()] == [t.dtype for t in state.values()]


def test_shared_and_unsaved_parts_of_a_module(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    module.append(module[0])
    module[1].register_buffer("scratch", torch.ones(1), persistent=False)
    torch.save(module, tmp_path / "a.pth")
    found = load_state(tmp_path / "a.pth")
    assert "1.running_mean" in found
    assert "1.scratch" not in found
    assert not [name for name in found if name.startswith("2.")]
    assert same(
        found, {name: tensor for name, tensor in module.state_dict().items() if name[0] != "2"}
    )
