"""Crafted checkpoints of few bytes: none hangs, crashes, or takes more memory than it should."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from export.load import unpickle
from export.load.checkpoint import CheckpointError, load_state
from tests.paths import ROOT

SPARE_BYTES = 256 << 20
"""Memory that a child may take beyond that of importing torch."""
SECONDS = 120
"""For all files together; a hang takes years."""
CHILD = """
import json, resource, sys
from pathlib import Path
from export.load.checkpoint import CheckpointError, load_state

pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sys.argv[2:]:
    try:
        found = {name: list(tensor.shape) for name, tensor in load_state(Path(path)).items()}
    except (CheckpointError, MemoryError) as error:
        found = f"{type(error).__name__}: {error}"
    print(json.dumps(found), flush=True)
try:
    bytearray(2 * int(sys.argv[1]))
except MemoryError:
    print(json.dumps("limited"))
"""


class Numbers:
    """A reference to a storage of float32."""

    def __init__(self, count: int, key: object = "0") -> None:
        self.reference = ("storage", torch.FloatStorage, key, "cpu", count)


class Call:
    """An object that pickles as a call, with a state for its result."""

    def __init__(
        self, function: Callable[..., Any], *arguments: object, state: object = None
    ) -> None:
        self.parts: tuple[Any, ...] = (function, arguments)
        if state is not None:
            self.parts += (state,)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def view(
    numbers: object, size: object, stride: object, offset: object = 0, state: object = None
) -> Call:
    rebuild = torch._utils._rebuild_tensor_v2
    return Call(rebuild, numbers, offset, size, stride, False, {}, state=state)


def dump(value: object) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, item: object) -> object:
            return item.reference if isinstance(item, Numbers) else None

    stream = io.BytesIO()
    Pickler(stream, 2).dump(value)
    return stream.getvalue()


def nest(levels: int) -> torch.nn.Module:
    module = torch.nn.Module()
    for _ in range(levels):
        outer = torch.nn.Module()
        outer._modules["a"] = module
        module = outer
    return module


def dump_nested(levels: int) -> bytes:
    """Modules within modules; Python's own pickler would need a stack as deep."""
    module = pickle.dumps(torch.nn.Module(), 2)[2:-1]
    opened = (
        b"ctorch.nn.modules.module\nModule\n)\x81}(X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00a"
    )
    return b"\x80\x02" + opened * levels + module + b"sub" * levels + b"."


ONE = Numbers(1)
REFUSED = {
    "freed memory": (
        dump(
            {"w": view(Numbers(0, "none"), (0,), (1,), state=(Numbers(0, "none"), 0, (9,), (1,)))}
        ),
        "asks to change the state of a View",
    ),
    "a key that takes for ever to hash": (
        b"\x80\x02})" + b"2\x86" * 400 + b"K\x01s.",
        "holds no tensors",
    ),
    "a key as deep as the stack": (
        b"\x80\x02})" + b"\x85" * 300_000 + b"K\x01s.",
        "holds no tensors",
    ),
    "a set of what takes for ever to hash": (
        b"\x80\x04}\x8c\x01a\x8f()" + b"2\x86" * 400 + b"\x90s.",
        "holds no tensors",
    ),
    "lists as deep as the stack": (b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".", "a list"),
    "a memo of 4 GB": (b"\x80\x02}r\x00\x00\x00\x10.", "holds no tensors"),
    "a stride of 0": (
        dump({"w": view(ONE, (3_000_000_000,), (0,))}),
        "its tensors take over 4 times",
    ),
    "views without end": (
        dump({f"w{n}": view(ONE, (100, 100), (0, 0)) for n in range(10_000)}),
        "its tensors take",
    ),
    "a size whose product is beyond all": (
        dump({"w": view(ONE, (2**62,) * 64, (0,) * 64)}),
        "its tensors take over 4 times",
    ),
    "a number without end": (dump({"w": view(ONE, (2**80_000,), (0,))}), "make no sense"),
    "a negative stride": (dump({"w": view(ONE, (2,), (-1,))}), "make no sense"),
    "a negative offset": (dump({"w": view(ONE, (1,), (1,), -1)}), "make no sense"),
    "an invalid size": (dump({"w": view(ONE, "11", "11")}), "make no sense"),
    "other axes in size and stride": (dump({"w": view(ONE, (1, 1), (1,))}), "make no sense"),
    "an end past the end": (dump({"w": view(ONE, (1,), (1,), 1)}), "reaches past the end"),
    "a storage that is shorter": (dump({"w": view(Numbers(2), (2,), (1,))}), "expected 8"),
    "a storage that is not there": (
        dump({"w": view(Numbers(1, "9"), (1,), (1,))}),
        "no item named",
    ),
    "an invalid storage": (dump({"w": view({}, (1,), (1,))}), "has no storage"),
    "a storage with a tuple for its name": (
        dump({"w": view(Numbers(1, ((),)), (1,), (1,))}),
        "a reference is not to a tensor's storage",
    ),
    "a state dict in itself": (
        b"\x80\x02}q\x00X\x0a\x00\x00\x00state_dicth\x00s.",
        "its state dict holds itself",
    ),
    "modules as deep as the stack": (dump_nested(20_000), "a tensor has the name"),
    "a name that moves the cursor": (
        b"\x80\x02cos\x1b[2J\nsystem\n)R.",
        r"asks to call os\x1b[2J.system,",
    ),
    "a call of what a call gave": (b"\x80\x02cbuiltins\nset\n)R)R.", "asks to call a Group"),
    "an operation that no checkpoint needs": (b"\x80\x02P1\n.", "uses PERSID"),
    "nothing on the stack": (b"\x80\x02\x85.", "damaged"),
    "no end": (b"\x80\x02}", "damaged"),
}
FILES = (*REFUSED, "a bomb", "an honest one")


def write(path: Path, data: bytes, how: int = zipfile.ZIP_STORED) -> None:
    """An archive with one storage of one number, which is 1."""
    with zipfile.ZipFile(path, "w", how, compresslevel=1) as archive:
        archive.writestr("a/data.pkl", data)
        archive.writestr("a/data/0", b"\x00\x00\x80\x3f")
        archive.writestr("a/data/none", b"")
        if how == zipfile.ZIP_DEFLATED:
            with archive.open("a/data/1", "w") as stream:
                for _ in range(2 * SPARE_BYTES >> 20):
                    stream.write(bytes(1 << 20))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Messages of a child with little memory for each file, up to one that ends it."""
    folder = tmp_path_factory.mktemp("hostile")
    paths = {name: folder / f"{number}.pth" for number, name in enumerate(FILES)}
    for name, (data, _) in REFUSED.items():
        write(paths[name], data)
    bomb = {"w": view(Numbers(SPARE_BYTES // 2, "1"), (1,), (1,))}
    write(paths["a bomb"], dump(bomb), zipfile.ZIP_DEFLATED)
    write(paths["an honest one"], dump({"w": view(ONE, (2, 3), (0, 0))}))
    command = [sys.executable, "-c", CHILD, str(SPARE_BYTES), *map(str, paths.values())]
    child = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, cwd=ROOT, check=False
    )
    lines = [json.loads(line) for line in child.stdout.splitlines()]
    return dict(zip((*FILES, "the limit"), lines, strict=False))


@pytest.mark.parametrize("name", REFUSED)
def test_each_is_refused_in_one_line(name: str, answers: dict[str, Any]) -> None:
    answer = answers.get(name, "the child did not live to say")
    assert isinstance(answer, str), answer
    assert answer.startswith("CheckpointError: "), answer
    assert REFUSED[name][1] in answer
    assert answer.isprintable()
    assert len(answer) < 500


def test_a_bomb_is_refused(answers: dict[str, Any]) -> None:
    assert "torch.save does not compress" in answers["a bomb"]


def test_what_is_honest_loads_within_the_limit(answers: dict[str, Any]) -> None:
    assert answers["an honest one"] == {"w": [2, 3]}
    assert answers["the limit"] == "limited", "the child could have taken what it liked"


def test_a_pickle_has_so_many_operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pth"
    torch.save({"w": torch.ones(1)}, path)
    assert load_state(path)["w"].tolist() == [1]
    monkeypatch.setattr(unpickle, "MOST_OPERATIONS", 20)
    with pytest.raises(CheckpointError, match="more than 20 operations"):
        load_state(path)
