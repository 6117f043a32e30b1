"""A model in a real browser, with the ``run`` that onnxruntime has: for other people's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from verify.runtimes.browser import RUNTIMES, BrowserRunner
from verify.runtimes.child import ChildRunner
from verify.runtimes.onnx_file import Port, read_onnx
from verify.runtimes.runners import Runner
from verify.runtimes.values import Tensors, collect, spread

BrowserSession = Callable[[str, "str | Path"], "Model"]
"""From the name of a runtime and a file to the model there."""


class Model:
    """A model in a runtime, to be used as an ``onnxruntime.InferenceSession``."""

    def __init__(self, runner: Runner, path: Path) -> None:
        self._runner = runner
        self._file = read_onnx(path)
        self.versions = runner.versions
        """Of the browser and of onnxruntime-web."""
        runner.load(path, self._file.sha256)

    def get_inputs(self) -> tuple[Port, ...]:
        """What the model takes, with name, type and shape."""
        return self._file.inputs

    def get_outputs(self) -> tuple[Port, ...]:
        """What it gives."""
        return self._file.outputs

    def run(self, output_names: Sequence[str] | None, feeds: Mapping[str, Any]) -> list[Any]:
        """The named outputs, None for all, in this order; a sequence is a list of arrays.

        Raises RunnerError with the runtime's words if it fails, KeyError for an unknown name.
        """
        self._runner.load(self._file.path, self._file.sha256)  # another may have been run since
        tensors: Tensors = {}
        for name, value in feeds.items():
            tensors |= spread(name, value if isinstance(value, list) else np.asarray(value))
        outputs = self._runner.run(tensors)
        kinds = {port.name: port.kind for port in self._file.outputs}
        return [collect(outputs, name, kinds[name]) for name in output_names or kinds]


@contextmanager
def open_models() -> Iterator[BrowserSession]:
    """``open(runtime, path)``; each runtime is started once, and ends with the block."""
    runners: dict[str, Runner] = {}
    with ExitStack() as stack:

        def open_session(runtime: str, model: str | Path) -> Model:
            if runtime not in runners:
                runners[runtime] = stack.enter_context(_make(runtime))
            return Model(runners[runtime], Path(model))

        yield open_session


def _make(runtime: str) -> Runner:
    if runtime in ("native-off", "native-full"):
        return ChildRunner("off" if runtime == "native-off" else "full")
    if runtime not in RUNTIMES:
        there = ", ".join(["native-off", "native-full", *RUNTIMES])
        raise ValueError(f"no runtime is called {runtime}; there are: {there}")
    return BrowserRunner(RUNTIMES[runtime])
