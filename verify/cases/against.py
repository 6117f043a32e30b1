"""A reference from PyTorch: ``--against net.py:build``, a function that returns the module."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from verify.cases.archive import CaseError
from verify.runtimes.onnx_file import OnnxFile
from verify.runtimes.runners import TorchRunner, first_line

if TYPE_CHECKING:
    from torch import nn


def open_against(words: str, file: OnnxFile) -> TorchRunner:
    """The module in float64, behind a runner; it takes the file's inputs, in the file's order.

    The user's own code runs, since they named it. CaseError if it cannot be found or built.
    """
    path, _, function = words.rpartition(":")
    if not path.endswith(".py") or not function.isidentifier():
        raise CaseError(f"--against {words}: expected FILE.py:FUNCTION, e.g. net.py:build")
    if not Path(path).is_file():
        raise CaseError(f"--against {words}: {path} does not exist")
    try:
        import torch  # noqa: F401  # to say what is missing before anything runs
    except ImportError:
        raise CaseError("--against needs PyTorch: pip install torch") from None
    built = _build(Path(path), function, words)
    outputs = tuple(port.name for port in file.outputs)
    return TorchRunner("float64", lambda _: (built, outputs))


def _build(path: Path, function: str, words: str) -> nn.Module:
    from torch import nn

    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.absolute()))  # as python would for a script
    try:
        spec.loader.exec_module(module)
        built = getattr(module, function)()
    except Exception as error:  # anything: it is their code
        kind = type(error).__name__
        raise CaseError(f"--against {words} failed: {kind}: {first_line(error)}") from None
    finally:
        sys.path.pop(0)
    if not isinstance(built, nn.Module):
        raise CaseError(f"--against {words} returned {type(built).__name__}, expected a module")
    return built
