"""Runner: from a model file and inputs to outputs. PyTorch and native onnxruntime.

A runner is a context manager: anything that it starts (a session, a browser) ends with the block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np

from verify.compare import Array
from verify.runtimes.border import SUFFIX
from verify.runtimes.failures import (
    HangError,
    LimitError,
    NotSupportedError,
    RunnerError,
    failure,
    first_line,
)
from verify.runtimes.ready import read_model
from verify.runtimes.values import Tensors, collect, spread

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "HangError", "LimitError", "NativeRunner", "NotSupportedError", "Runner", "RunnerError",
    "Tensors", "TorchRunner", "first_line", "hash_tensors",
]  # fmt: skip
SMALL_BYTES = 1_000_000
"""A file of fewer stays open in a runner, as do MOST_OPEN of them."""
MOST_OPEN = 8


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

    def load(self, file: Path, sha256: str | None = None) -> None:
        """Make a model the one that runs; small ones before it stay open, for a stream to go back.

        RunnerError if that fails, or if the file is not the one of this hash, where one is given.
        """

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """All outputs by name; RunnerError if that fails. After an error, ``load`` again."""


class _InProcess:
    """A runtime in this process: nothing to start, and only its model to stop."""

    def __init__(self, name: str, versions: dict[str, str]) -> None:
        self.name = name
        self.versions = versions
        self._model: Any = None
        self._open: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._model = None
        self._open.clear()

    def _choose(self, key: str, make: Callable[[], Any], *, small: bool = True) -> None:
        """Take the model of a key, or make it and let it stay open beside other small ones."""
        self._model = self._open.get(key)
        if self._model is None:
            if not small or len(self._open) == MOST_OPEN:
                self._open.clear()
            self._model = self._open[key] = make()

    def _loaded(self) -> Any:  # noqa: ANN401  # a session or a torch module, as the subclass made it
        if self._model is None:
            raise RunnerError(f"{self.name}: no model is loaded")
        return self._model


class NativeRunner(_InProcess):
    """onnxruntime on the CPU, one thread, with graph optimisation off or full."""

    _wide: frozenset[str] = frozenset()
    """Inputs and outputs of the loaded model that have a Cast (border.py)."""

    def __init__(self, optimization: Literal["off", "full"]) -> None:
        import onnxruntime

        super().__init__(f"native-{optimization}", {"onnxruntime": onnxruntime.__version__})
        levels = onnxruntime.GraphOptimizationLevel
        self._level = levels.ORT_DISABLE_ALL if optimization == "off" else levels.ORT_ENABLE_ALL

    def load(self, file: Path, sha256: str | None = None) -> None:
        """Open a session, unless one of the same content is open."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = self._level
        options.intra_op_num_threads = 1
        options.log_severity_level = 4  # errors reach us as exceptions; the rest would be noise
        folder = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(folder, str(file.parent))
        model = read_model(self.name, file, sha256)
        self._wide = model.wide
        try:
            self._choose(
                model.digest,
                lambda: onnxruntime.InferenceSession(
                    model.content, options, providers=["CPUExecutionProvider"]
                ),
                small=len(model.content) < SMALL_BYTES,
            )
        except Exception as error:  # onnxruntime's own types share no base but this
            words = f"{self.name}: cannot load {file.name}: {first_line(error)}"
            raise failure(words) from None

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """Run the session once."""
        session = self._loaded()
        outputs: Tensors = {}
        try:
            feeds = self._feed(session, inputs)
            names = [output.name for output in session.get_outputs()]
            for name, value in zip(names, session.run(names, feeds), strict=True):
                outputs |= spread(name.removesuffix(SUFFIX), value)
        except Exception as error:  # as above
            raise failure(f"{self.name}: cannot run: {first_line(error)}") from None
        return outputs

    def _feed(self, session: Any, inputs: Mapping[str, Array]) -> dict[str, Any]:  # noqa: ANN401  # onnxruntime has no types
        """Values as the session takes them; what it does not know is left for it to complain of."""
        kinds = {one.name: one.type.partition("(")[0] for one in session.get_inputs()}
        words = {"seq": "sequence", "optional": "optional"}
        feeds = {
            name: collect(inputs, name, words[kind])
            for name, kind in kinds.items()
            if kind in words
        }
        taken = {name for name in inputs if name.partition("[")[0] in feeds}
        for name, value in inputs.items():
            if name not in taken:
                feeds[name + SUFFIX if name in self._wide else name] = value
        return feeds


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
        # Others run beside it; a second thread mostly spins: 0.9 s of CPU instead of 0.2 for 12 s.
        torch.set_num_threads(1)
        self._dtype = getattr(torch, dtype)
        self._build = build

    def load(self, file: Path, sha256: str | None = None) -> None:
        """Build the network: weights loaded in float32, as in files, then widened.

        The file itself is not read, and its hash not compared.
        """

        def make() -> tuple[nn.Module, tuple[str, ...]]:
            network, outputs = self._build(file)
            return network.eval().to(self._dtype), outputs

        self._choose(str(file), make)

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """Run the network once."""
        import torch

        from export.load.bands import InBands

        network, outputs = self._loaded()
        given = [torch.from_numpy(np.array(value)) for value in inputs.values()]
        tensors = [one.to(self._dtype) if one.is_floating_point() else one for one in given]
        try:
            with torch.inference_mode(), InBands():
                values = network(*tensors)
        except (RuntimeError, TypeError) as error:  # the latter for too few inputs, or too many
            raise RunnerError(f"{self.name}: cannot run: {first_line(error)}") from None
        if isinstance(values, torch.Tensor):
            values = (values,)
        if len(values) != len(outputs):
            raise RunnerError(f"{self.name}: gave {len(values)} outputs, expected {outputs}")
        return {name: value.numpy() for name, value in zip(outputs, values, strict=True)}


def hash_tensors(tensors: Tensors) -> str:
    """SHA-256 over names, dtypes, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in tensors.items():
        digest.update(repr((name, value.dtype.name, value.shape)).encode() + value.tobytes())
    return digest.hexdigest()
