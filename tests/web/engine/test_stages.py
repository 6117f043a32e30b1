"""Every stage of both networks against PyTorch in float64, on music and on every signal.

A stage gets the outputs of the stages before it in float64, rounded to float32 as in files. What
the compiled modules give is proven on them, and that the C gives the same bytes on this machine, so
that faults are planted in the quickest: C that gcc compiles.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from export.example import read_example
from tests.conftest import make_music
from tests.web.engine.drive import (
    SANITIZERS,
    Case,
    build_native,
    make_cases,
    run_in_node,
    run_natively,
    write_weights,
)
from verify.compare import Array, DisagreementError, Tolerance, compare
from verify.matrix.signals import edges
from web.engine import build

NAMES = ("basicamt", "septimbre")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc, which is not here")
ACTIVATION = Tolerance(2e-5, "what fp32 promises")
EMBEDDING = Tolerance(4e-5, "what fp32 promises")
IN_BETWEEN = 3e-6
"""Of values between stages, relative to their largest: 1.3e-6 was measured."""
SHORTER = (1, 2, 15, 16, 17, 18, 19, 20, 21, 31, 32, 33, 34, 47, 48, 49)
"""Frames around one, two and three of the engine's blocks, and around its layers' delays."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, exporting: None) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    return {name: write_weights(name, folder) for name in NAMES}


def recordings() -> list[Array]:
    """Every signal, the bundled music, and music of every special number of frames."""
    lengths = [make_music(1.0)[0, 0, : 512 * frames - 7] for frames in SHORTER]
    return [*(s.samples for s in edges()), read_example(6.0)[0, 0], *lengths]


@cache
def cases_of(name: str) -> list[Case]:
    """Made once, since float64 is slow."""
    return [case for audio in recordings() for case in make_cases(name, audio)]


def judge(cases: list[Case], replies: list[dict[str, Array]]) -> float:
    """Raise if an output leaves its tolerance; return the largest error of an activation."""
    worst = 0.0
    for case, reply in zip(cases, replies, strict=True):
        tolerances = {}
        for output, wanted in case.truth.items():
            largest = max(float(np.abs(wanted).max()), 1e-30)
            between = Tolerance(IN_BETWEEN * largest, "float32 rounding")
            known = {"onset": ACTIVATION, "frame": ACTIVATION, "embedding": EMBEDDING}
            tolerances[output] = known.get(output, between)
        try:
            found = compare(reply, case.truth, tolerances, dict.fromkeys(case.truth, "float32"))
        except DisagreementError as error:
            frames = next(iter(case.truth.values())).shape[-1]
            raise DisagreementError(f"{case.stage}, {frames} frames: {error}") from None
        errors = [d.largest_absolute or 0 for d in found if d.output in known]
        worst = max([worst, *errors])
    return worst


@pytest.mark.parametrize("module", sorted(build.FEATURES))
@pytest.mark.parametrize("name", NAMES)
def test_every_stage_is_what_float64_says(
    name: str, module: str, weights: dict[str, Path], tmp_path: Path
) -> None:
    cases = cases_of(name)
    replies, memory = run_in_node(cases, weights[name], tmp_path, build.FOLDER / module)
    assert judge(cases, replies) < ACTIVATION.absolute
    assert memory < 64e6


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_native(tmp_path_factory.mktemp("sanitized"), SANITIZERS)


@needs_gcc
@pytest.mark.parametrize("name", NAMES)
def test_sanitizers_find_nothing_and_the_bytes_are_the_same(
    name: str, sanitized: Path, weights: dict[str, Path], tmp_path: Path
) -> None:
    """Every address is in its array, no arithmetic is undefined, and WebAssembly gives the same."""
    cases = cases_of(name)
    natively = run_natively(sanitized, cases, weights[name], tmp_path)
    in_node, _ = run_in_node(cases, weights[name], tmp_path)
    for case, one, other in zip(cases, natively, in_node, strict=True):
        for output in case.truth:
            assert one[output].tobytes() == other[output].tobytes(), f"{case.stage}: {output}"


def test_what_ran_before_changes_nothing(weights: dict[str, Path], tmp_path: Path) -> None:
    cases = [case for case in cases_of("septimbre") if case.truth]
    some = cases[-12:]
    forth, _ = run_in_node(some, weights["septimbre"], tmp_path)
    back, _ = run_in_node(some[::-1], weights["septimbre"], tmp_path)
    for one, other in zip(forth, back[::-1], strict=True):
        assert all(one[output].tobytes() == other[output].tobytes() for output in one)


def test_memory_is_that_of_the_largest_run(weights: dict[str, Path], tmp_path: Path) -> None:
    cases = make_cases("septimbre", read_example(1.0)[0, 0])
    _, once = run_in_node(cases, weights["septimbre"], tmp_path)
    _, often = run_in_node(cases * 5, weights["septimbre"], tmp_path)
    assert often == once


@cache
def cases_of_faults() -> list[Case]:
    """Enough to see them."""
    return [*cases_of("septimbre")[:30], *make_cases("septimbre", read_example(1.0)[0, 0])]


FAULTS = {
    "a kernel's sign": ("fft.c", "turn(add(b, d), w[0])", "turn(subtract(b, d), w[0])"),
    "a halo": ("notes.c", "carry(heads, (1 + ATTACKS) * (PITCHES + 2), 4);", ""),
    "a lane": ("products.c", "madd(s, b, sum[r][1])", "madd(s, a, sum[r][1])"),
    "a point": ("winograd.c", "store(z + stride, nmadd(p,", "store(z + stride, madd(p,"),
    "a power": ("winograd.c", "(j - 1) * pairs + q", "q"),
    "an instant": ("winograd.c", "x[BLOCK + j - FRAMES]", "x[BLOCK]"),
    "an edge": ("early.c", "y[edge_bin(e)].im -= load(", "y[edge_bin(e)].im += load("),
    "the end": ("trunk.c", "mask(level, HEIGHT, LEVEL_COLUMN, t0);", ""),
    "an epsilon": ("trunk.c", "(load(e + t) + epsilon) * scale", "load(e + t) * scale"),
    "a norm": ("encoder.c", "mean *= share;", "mean *= share * share;"),
}  # fmt: skip


@needs_gcc
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_source_is_seen(
    fault: str, weights: dict[str, Path], tmp_path: Path
) -> None:
    file, right, wrong = FAULTS[fault]
    source = tmp_path / "source"
    source.mkdir()
    for path in build.FOLDER.glob("*.[ch]"):
        text = path.read_text(encoding="utf-8")
        if path.name == file:
            assert right in text, f"{file} holds no {right!r} any more"
            text = text.replace(right, wrong)
        (source / path.name).write_text(text, encoding="utf-8")
    program = build_native(tmp_path, ["-Wno-error"], source)
    replies = run_natively(program, cases_of_faults(), weights["septimbre"], tmp_path)
    with pytest.raises(DisagreementError):
        judge(cases_of_faults(), replies)


@pytest.mark.parametrize("field", ["trunk.early_bias", "frame_kernel", "onset_bias"])
def test_a_fault_in_a_weight_is_seen(
    field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export.variants import engine

    pack: Callable[..., bytes] = engine.pack_struct

    def change(name: str, fields: dict[str, int], values: dict[str, Array]) -> bytes:
        if name == "NoteWeights":
            value = np.array(values[field], np.float32)
            value.flat[0] += 0.01
            values = {**values, field: value}
        return pack(name, fields, values)

    monkeypatch.setattr(engine, "pack_struct", change)
    changed = write_weights("basicamt", tmp_path)
    cases = make_cases("basicamt", read_example(1.0)[0, 0])
    replies, _ = run_in_node(cases, changed, tmp_path)
    with pytest.raises(DisagreementError, match="leaves the tolerance"):
        judge(cases, replies)
