"""An archive that anyone may have written is read without running or swallowing anything."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from verify.cases import archive
from verify.cases.archive import CaseError, read_npz, write_npz
from verify.compare import Array


def write(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members:
            opened.writestr(name, data)
    return path


def npy(shape: str, descr: str = "'<f4'", data: bytes = b"") -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


def saved(value: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asanyarray(value), allow_pickle=True)
    return stream.getvalue()


def test_what_numpy_writes_is_read(tmp_path: Path) -> None:
    arrays: dict[str, Array] = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "turned": np.arange(6).reshape(2, 3).T,
        "scalar": np.array(True),
        "empty": np.zeros((0, 2)),
        "words": np.array(["a", "éé"]),
        "bytes": np.array([b"a", b"bc"]),
    }
    np.savez_compressed(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]  # mypy takes ** for its flag
    read = read_npz(tmp_path / "a.npz")
    assert read.keys() == arrays.keys()
    for name in arrays.keys() - {"bytes"}:
        assert read[name].dtype == arrays[name].dtype
        assert np.array_equal(read[name], arrays[name])
    assert read["bytes"].tolist() == ["a", "bc"]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    arrays: dict[str, Array] = {
        "file": np.arange(3),
        "allow_pickle": np.array("word"),
    }  # names of savez itself
    write_npz(tmp_path / "a.npz", arrays)
    assert {name: value.tolist() for name, value in read_npz(tmp_path / "a.npz").items()} == {
        "file": [0, 1, 2],
        "allow_pickle": "word",
    }


class Bomb:
    """Unpickled, it would be seen."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (saved(np.array([Bomb()], object)), "holds Python objects"),
        (saved(np.zeros(2, "datetime64[s]")), "store numbers, booleans or text"),
        (saved(np.zeros(2, [("a", "f4")])), "store numbers, booleans or text"),
        (npy("(1099511627776,)"), "but only 128 bytes follow"),
        (npy("(2, 3)", data=bytes(23)), "is cut off"),
        (npy("(" * 500 + ")" * 500), "not an array in numpy's format"),
        (npy("(-1,)"), r"should have shape \[-1\]"),
        (npy("(1099511627776,)", "'<U0'"), "but only 128 bytes follow"),
        (npy("(1,)", "'nonsense'"), "not an array in numpy's format"),
        (b"PK nothing", "not an array in numpy's format"),
        (b"", "not an array in numpy's format"),
    ],
)
def test_a_hostile_member_is_one_line(data: bytes, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", ("x.npy", data))
    with pytest.raises(CaseError, match=message) as error:
        read_npz(path)
    assert "a.npz: x" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("kind", ["npy", "text", "empty", "absent", "cut", "folder"])
def test_what_is_no_archive_is_one_line(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", ("x.npy", saved(np.zeros(999))))
    if kind == "npy":
        path.write_bytes(saved(np.zeros(3)))
    elif kind == "text":
        path.write_text("x")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:40])
    elif kind == "absent":
        path.unlink()
    else:
        path = tmp_path
    with pytest.raises(CaseError, match=r"is not an \.npz archive|does not exist") as error:
        read_npz(path)
    assert len(str(error.value).splitlines()) == 1


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = write(tmp_path / "a.npz", ("x.npy", saved(1)), ("x.npy", saved(2)))
    with pytest.raises(CaseError, match="two arrays of one name"):
        read_npz(path)


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.npz", ("x.npy", saved(np.zeros(9999))))
    monkeypatch.setattr(archive, "MOST_BYTES", 50_000)
    with pytest.raises(CaseError, match="unpacks to 80,120 bytes, over 50,000"):
        read_npz(path)
