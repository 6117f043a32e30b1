"""Runner: from a model file and inputs to outputs. PyTorch and native onnxruntime.

A runner is a context manager: anything that it starts (a session, a browser) ends with the block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np

from verify.compare import Array

if TYPE_CHECKING:
    from torch import nn

Tensors = dict[str, Array]


class RunnerError(RuntimeError):
    """A runtime did not start, load or finish; the message names it and says why."""


class HangError(RunnerError):
    """A step exceeded its time limit; the message names it."""


class Runner(Protocol):
    """One runtime."""

    @property
    def name(self) -> str:
        """As on the command line, e.g. ``chromium-wasm``."""

    @property
    def versions(self) -> dict[str, str]:
        """Versions, known once the block is entered, e.g. ``{"onnxruntime": "1.31.1"}``."""

    def __enter__(self) -> Self:
        """Start; RunnerError if that fails."""

    def __exit__(self, *exception: object) -> None:
        """Stop everything that was started."""

    def load(self, file: Path) -> None:
        """Load a model in place of the last; RunnerError if that fails."""

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """All outputs by name; RunnerError if that fails. After an error, ``load`` again."""


class _InProcess:
    """A runtime in this process: nothing to start, and only its model to stop."""

    def __init__(self, name: str, versions: dict[str, str]) -> None:
        self.name = name
        self.versions = versions
        self._model: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._model = None

    def _loaded(self) -> Any:  # noqa: ANN401  # a session or a torch module, as the subclass made it
        if self._model is None:
            raise RunnerError(f"{self.name}: no model is loaded")
        return self._model


class NativeRunner(_InProcess):
    """onnxruntime on the CPU, one thread, with graph optimisation off or full."""

    def __init__(self, optimization: Literal["off", "full"]) -> None:
        import onnxruntime

        super().__init__(f"native-{optimization}", {"onnxruntime": onnxruntime.__version__})
        levels = onnxruntime.GraphOptimizationLevel
        self._level = levels.ORT_DISABLE_ALL if optimization == "off" else levels.ORT_ENABLE_ALL

    def load(self, file: Path) -> None:
        """Open a session."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = self._level
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # errors reach us as exceptions; warnings would be noise
        self._model = None
        try:
            self._model = onnxruntime.InferenceSession(
                file, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own types share no base but this
            raise RunnerError(
                f"{self.name}: cannot load {file.name}: {first_line(error)}"
            ) from None

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """Run the session once."""
        session = self._loaded()
        names = [output.name for output in session.get_outputs()]
        try:
            values = session.run(names, dict(inputs))
        except Exception as error:  # as above
            raise RunnerError(f"{self.name}: cannot run: {first_line(error)}") from None
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


class TorchRunner(_InProcess):
    """PyTorch, in float32 or in float64: the reference of truth.

    ``build`` returns the network that a file was exported from, with its weights, and the names of
    its outputs; the network takes the file's inputs in the order given.
    """

    def __init__(
        self,
        dtype: Literal["float32", "float64"],
        build: Callable[[Path], tuple[nn.Module, tuple[str, ...]]],
    ) -> None:
        import torch

        super().__init__(f"torch-{dtype}", {"torch": torch.__version__})
        self._dtype = getattr(torch, dtype)
        self._build = build

    def load(self, file: Path) -> None:
        """Build the network again: weights loaded in float32, as in files, then widened."""
        network, outputs = self._build(file)
        self._model = (network.eval().to(self._dtype), outputs)

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """Run the network once."""
        import torch

        network, outputs = self._loaded()
        tensors = [torch.from_numpy(np.array(value)).to(self._dtype) for value in inputs.values()]
        try:
            with torch.inference_mode():
                values = network(*tensors)
        except (RuntimeError, TypeError) as error:  # the latter for too few inputs, or too many
            raise RunnerError(f"{self.name}: cannot run: {first_line(error)}") from None
        if isinstance(values, torch.Tensor):
            values = (values,)
        if len(values) != len(outputs):
            raise RunnerError(f"{self.name}: gave {len(values)} outputs, expected {outputs}")
        return {name: value.numpy() for name, value in zip(outputs, values, strict=True)}


def first_line(error: BaseException) -> str:
    """An exception's message as one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:400] if lines else type(error).__name__
