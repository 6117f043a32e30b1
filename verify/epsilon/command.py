"""The epsilon laboratory: which tool drops or changes a small constant, live.

log(x * x + c) at x = 0 is log(c), and x * k at x = 1 is k, unless c or k was changed on the way.
Each exporter and simplifier gets both, for many constants at once, and native onnxruntime runs the
resulting file; each runtime gets the first, in a file that is known to hold the constants.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from rich.console import Console

from verify.compare import Array
from verify.epsilon.exporters import list_exports
from verify.runtimes.runners import NativeRunner, Runner, RunnerError, Tensors, first_line

ADDED = ("1e-5", "1e-6", "6e-8", "1.01e-8", "1e-8", "1e-9", "1e-12", "1e-20", "1e-30", "1e-37",
         "1.2e-38", "1e-38", "1e-40", "1e-44")  # fmt: skip
"""Constants c of log(x * x + c); the last three are subnormal in float32."""
FACTORS = ("1.0000001", "1.000005", "1.00001", "1.00002")
"""Constants k of x * k."""
FILE_NAME = "epsilon.json"
LEGEND = (
    "exact: log(c) to float32's precision. rounded: c rounded to float16. dropped: log(0) = -inf, "
    "or the factor is 1. A number is the result instead."
)


@dataclass(frozen=True)
class Row:
    """One tool or runtime."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """One table."""

    title: str
    constants: tuple[str, ...]
    rows: tuple[Row, ...]


def judge(values: Tensors, constants: Sequence[str], *, added: bool, half: bool) -> tuple[str, ...]:
    """The fate of each constant in words; ``values`` holds outputs ``c0``, ``c1`` and so on."""
    words = []
    for i, constant in enumerate(constants):
        got = float(values[f"c{i}"].reshape(-1)[0])
        stored = float(np.float32(constant))
        truth = math.log(stored) if added else stored
        if got == -math.inf or (not added and got == 1):
            words.append("dropped")
        # Half a float32 step separates 1.0000001 from 1; a logarithm may be a few steps off.
        elif abs(got - truth) <= (1e-5 * abs(truth) if added else 5e-8):
            words.append("exact")
        elif half and abs(got - math.log(float(np.float16(constant)))) <= 1e-2:
            words.append("rounded")
        else:
            words.append(f"{got:.2f}")
    return tuple(words)


def write_logs(path: Path, *, half: bool) -> None:
    """Write a file with log(x * x + c) for each constant of ADDED, by hand: nothing is dropped."""
    dtype, numpy_type = (
        (TensorProto.FLOAT16, np.float16) if half else (TensorProto.FLOAT, np.float32)
    )
    nodes = [helper.make_node("Mul", ["x", "x"], ["square"])]
    constants = []
    for i, constant in enumerate(ADDED):
        constants.append(onnx.numpy_helper.from_array(np.array([constant], numpy_type), f"k{i}"))
        nodes.append(helper.make_node("Add", ["square", f"k{i}"], [f"s{i}"]))
        nodes.append(helper.make_node("Log", [f"s{i}"], [f"c{i}"]))
    outputs = [helper.make_tensor_value_info(f"c{i}", dtype, [1]) for i in range(len(ADDED))]
    inputs = [helper.make_tensor_value_info("x", dtype, [1])]
    graph = helper.make_graph(nodes, "epsilon", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def ask_exporters() -> list[Findings]:
    """Tables of the constants that survive each exporter and simplifier."""
    tables = []
    for added, constants, title in (
        (True, ADDED, "log(x·x + c), as exported"),
        (False, FACTORS, "x · k, as exported"),
    ):
        rows = []
        for name, graph in list_exports(added, constants):
            try:
                values = _run_native(graph(), np.full((1, 1, 4), 0 if added else 1, np.float32))
                cells = judge(values, constants, added=added, half=False)
            except Exception as error:  # an exporter's failure is a finding, whatever its type
                cells = (f"fails: {first_line(error)[:60]}",) + ("–",) * (len(constants) - 1)
            rows.append(Row(name, cells))
        tables.append(Findings(title, tuple(constants), tuple(rows)))
    return tables


def _run_native(graph: onnx.ModelProto, value: Array) -> Tensors:
    with tempfile.TemporaryDirectory() as folder, NativeRunner("off") as runner:
        path = Path(folder) / "exported.onnx"
        path.write_bytes(graph.SerializeToString())
        runner.load(path)
        return runner.run({"audio": value})


def ask_runtimes(
    runners: Sequence[Callable[[], Runner]], progress: Callable[[str], None]
) -> list[Findings]:
    """Tables of log(0 + c) in each runtime, in float32 and in float16.

    RunnerError if a runtime does not start; a file that it cannot run is a finding.
    """
    rows: dict[bool, list[Row]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        for make in runners:
            with make() as runner:
                progress(runner.name)
                for half, table in rows.items():
                    path = Path(folder) / f"logs{16 if half else 32}.onnx"
                    write_logs(path, half=half)
                    zero = np.zeros(1, np.float16 if half else np.float32)
                    try:
                        runner.load(path)
                        cells = judge(runner.run({"x": zero}), ADDED, added=True, half=half)
                    except RunnerError as error:
                        reason = str(error).removeprefix(f"{runner.name}: ")[:90]
                        cells = (f"fails: {reason}",) + ("–",) * (len(ADDED) - 1)
                    versions = [
                        v
                        for k, v in runner.versions.items()
                        if not k.startswith(("adapter", "nodes"))
                    ]
                    table.append(Row(f"{runner.name} ({', '.join(versions)})", cells))
    return [
        Findings("log(0 + c), as run, float32", ADDED, tuple(rows[False])),
        Findings("log(0 + c), as run, float16", ADDED, tuple(rows[True])),
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit status."""
    from verify.arguments import Names
    from verify.matrix import plan
    from verify.runtimes.driver import install

    parser = argparse.ArgumentParser(
        prog="python -m verify epsilon",
        description="Which tool drops or changes a small constant, for the versions installed.",
    )
    parser.add_argument("--runtimes", action=Names, nargs="+", default=[], help="names or patterns")
    parser.add_argument("--without", action=Names, nargs="+", default=[], help="what to leave out")
    parser.add_argument(
        "--out", type=Path, default=Path("dist/report"), help=f"folder for {FILE_NAME}"
    )
    args = parser.parse_args(arguments)
    console = Console(highlight=False)
    plans, _ = plan.plan(
        args.runtimes, [*args.without, "torch-float32"], networks=None,
        installed=install.is_installed, brief=None, time_limit_seconds=120, webgpu="software",
    )  # fmt: skip
    with console.status("exporters") as status:
        tables = ask_exporters()
        tables += ask_runtimes([plan.make for plan in plans], status.update)
    for findings in tables:
        console.print("\n".join(_lines(findings)), markup=False)
    args.out.mkdir(parents=True, exist_ok=True)
    beside = args.out / f".{FILE_NAME}.new"
    found = {"legend": LEGEND, "tables": [asdict(findings) for findings in tables]}
    beside.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    beside.replace(args.out / FILE_NAME)
    console.print(f"written: {args.out / FILE_NAME}; the next report shows it")
    return 0


def _lines(findings: Findings) -> Iterator[str]:
    """Print a table in words, grouping constants of equal fate."""
    yield findings.title
    for row in findings.rows:
        groups: dict[str, list[str]] = {}
        for constant, cell in zip(findings.constants, row.cells, strict=True):
            groups.setdefault(cell, []).append(constant)
        groups.pop("–", None)
        line = "; ".join(
            cell if cell.startswith("fails") else f"{cell}: {' '.join(alike)}"
            for cell, alike in groups.items()
        )
        yield f"  {row.name}"
        yield f"    {line}"
