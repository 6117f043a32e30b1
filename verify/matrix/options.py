"""The command line of the matrix."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from verify.arguments import Names, above_zero
from verify.matrix.plan import NAMES


def parser() -> argparse.ArgumentParser:
    """Build the command line of the matrix."""
    command = argparse.ArgumentParser(
        prog="python -m verify",
        description="The same numbers in every runtime and browser: judge exported files.",
        epilog="Also: python -m verify bench | bisect | browsers | epsilon | lengths | "
        "notedigger | onnx-suite | publish | release | soak, each with --help.",
    )
    which = command.add_argument_group("what is judged")
    which.add_argument(
        "--folder",
        type=Path,
        default=Path("dist/models"),
        metavar="DIR",
        help="exported files and their manifest (default: %(default)s)",
    )
    which.add_argument(
        "--checkpoints",
        type=Path,
        metavar="DIR",
        help="where export found the checkpoints, for the reference in PyTorch",
    )
    which.add_argument("--models", action=Names, nargs="+", default=[], metavar="A,B")
    which.add_argument("--variants", action=Names, nargs="+", default=[], metavar="A,B")
    which.add_argument(
        "--signals",
        action=Names,
        nargs="+",
        default=[],
        metavar="A,B",
        help="names or patterns, e.g. silence,length-*",
    )
    which.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="make the signal random-N again; default: another one in each run",
    )
    which.add_argument(
        "--audio", type=Path, nargs="+", default=[], metavar="FILE", help="more music, at 44 100 Hz"
    )
    anyone = command.add_argument_group("anyone's models, instead")
    anyone.add_argument(
        "--model",
        action=Words,
        dest="given",
        default=[],
        metavar="FILE.onnx",
        help="or a folder with model.onnx and test_data_set_0; may be repeated",
    )
    anyone.add_argument(
        "--reference",
        action=Words,
        dest="given",
        nargs="+",
        default=[],
        metavar="CASE",
        help="of the model before it: .npz archives with inputs and expected outputs by name, or "
        "folders of input_0.pb and output_0.pb",
    )
    anyone.add_argument(
        "--make-reference",
        action="store_true",
        help="make inputs; native onnxruntime without optimisation says what they give",
    )
    anyone.add_argument(
        "--against",
        metavar="FILE.py:FUNCTION",
        help="a PyTorch module says it, in float64; the function returns the module",
    )
    anyone.add_argument(
        "--shape",
        nargs="+",
        default=[],
        metavar="NAME=1x1x44100",
        help="of inputs that are made, where the model leaves it open",
    )
    anyone.add_argument(
        "--tolerance",
        action=Names,
        nargs="+",
        default=[],
        metavar="X",
        help="absolute, of all outputs or of one: 1e-4 onset=1e-3 (default: 1e-5)",
    )
    anyone.add_argument(
        "--relative",
        action=Names,
        nargs="+",
        default=[],
        metavar="X",
        help="relative tolerance, added; likewise (default: 0)",
    )
    where = command.add_argument_group("where it runs")
    where.add_argument(
        "--runtimes",
        action=Names,
        nargs="+",
        default=[],
        metavar="A,B",
        help=f"names or patterns of: {', '.join(NAMES)}",
    )
    where.add_argument(
        "--without",
        action=Names,
        nargs="+",
        default=[],
        metavar="A,B",
        help="runtimes to leave out; the report says so",
    )
    where.add_argument(
        "--gpu", action="store_true", help="WebGPU on this machine's adapter, on all signals"
    )
    where.add_argument(
        "--time-limit",
        type=above_zero,
        default=300,
        metavar="SECONDS",
        help="after which one run counts as hung (default: %(default)s)",
    )
    where.add_argument(
        "--runtime-dir",
        type=Path,
        metavar="DIR",
        help="onnxruntime-web's packages, as node_modules has them; default: ours, or fetched",
    )
    where.add_argument(
        "--thorough",
        action="store_true",
        help="judge networks with random weights on all signals, not only on brief ones",
    )
    where.add_argument(
        "--fresh", action="store_true", help="judge everything again, from new references"
    )
    out = command.add_argument_group("what comes out")
    out.add_argument(
        "--out",
        type=Path,
        default=Path("dist/report"),
        metavar="DIR",
        help="index.html, report.json and junit.xml (default: %(default)s)",
    )
    out.add_argument("--quiet", action="store_true", help="print the outcome only")
    return command


class Words(argparse.Action):
    """Paths of several options in the order of the command line: ``[("model", path), …]``."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add."""
        kind = (option_string or "").lstrip("-")
        words = [values] if isinstance(values, str) else list(values or ())
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*before, *((kind, Path(word)) for word in words)])
