"""Runner: from a model file and inputs to outputs. PyTorch and native onnxruntime.

A runner is a context manager: anything that it starts (a session, a browser) ends with the block.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np

from verify.compare import Array
from verify.runtimes.border import SUFFIX, widen
from verify.runtimes.onnx_file import External, ModelFileError, read_onnx
from verify.runtimes.values import Tensors, collect, spread

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Tensors"]
SMALL_BYTES = 1_000_000
"""A file of fewer stays open in a runner, as do MOST_OPEN of them."""
MOST_OPEN = 8
SHORT = 100_000
"""Elements of an input over which several threads take longer than one."""


class RunnerError(RuntimeError):
    """A runtime did not start, load or finish; the message names it and says why."""


class LimitError(RunnerError):
    """A step took more time or memory than it may; the message says which."""


class HangError(LimitError):
    """A step exceeded its time limit; the message names it."""


class NotSupportedError(RunnerError):
    """A runtime lacks what a model needs; the message has the runtime's own words."""


_LACKS = re.compile(
    "NOT_IMPLEMENTED|Could not find an implementation|No Op registered for|[Kk]ernel not found"
    "|is not a registered function/op|Unrecognized attribute|Unsupported model IR version"
    "|Type Error: Type 'tensor|under development and support for this is limited"
    "|only \\*guarantees\\* support|not supported|unsupported data type|no way to feed"
)
_MEMORY = re.compile(
    "bad_alloc|bad allocation|[Ff]ailed to allocate|allocation failed|[Oo]ut of memory"
    "|Tensor shape is too large|SafeIntOnOverflow"  # a size that 32 bits do not hold
)


def failure(message: str) -> RunnerError:
    """The error that a runtime's words mean."""
    if _MEMORY.search(message):
        return LimitError(message)
    return NotSupportedError(message) if _LACKS.search(message) else RunnerError(message)


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

        network, outputs = self._loaded()
        given = [torch.from_numpy(np.array(value)) for value in inputs.values()]
        tensors = [one.to(self._dtype) if one.is_floating_point() else one for one in given]
        short = sum(value.size for value in inputs.values()) < SHORT
        try:
            with torch.inference_mode(), _threads(1 if short else torch.get_num_threads()):
                values = network(*tensors)
        except (RuntimeError, TypeError) as error:  # the latter for too few inputs, or too many
            raise RunnerError(f"{self.name}: cannot run: {first_line(error)}") from None
        if isinstance(values, torch.Tensor):
            values = (values,)
        if len(values) != len(outputs):
            raise RunnerError(f"{self.name}: gave {len(values)} outputs, expected {outputs}")
        return {name: value.numpy() for name, value in zip(outputs, values, strict=True)}


@dataclass(frozen=True)
class Ready:
    """A model as a runtime loads it."""

    content: bytes
    digest: str
    """Of the file and its weights outside."""
    external: tuple[External, ...]
    wide: frozenset[str]


_PLAIN: set[str] = set()
"""Digests of files with nothing outside and nothing to widen: a stream goes back to them often."""


def read_model(name: str, file: Path, sha256: str | None) -> Ready:
    """A model's bytes and weights; RunnerError by a runner's name as of ``read_file``."""
    content, digest = read_file(name, file, None)
    external: tuple[External, ...] = ()
    wide: frozenset[str] = frozenset()
    if digest not in _PLAIN:
        try:
            found = read_onnx(file)
            external, digest = found.external, found.sha256
            content, wide = widen(found)
        except ModelFileError as error:
            raise RunnerError(f"{name}: cannot load {file.name}: {error}") from None
        if not external and not wide:
            _PLAIN.add(digest)
    if sha256 not in (None, digest):
        raise _changed(name, file)
    return Ready(content, digest, external, wide)


def _changed(name: str, file: Path) -> RunnerError:
    return RunnerError(f"{name}: {file.name} has changed since it was chosen; run again")


def read_file(name: str, file: Path, sha256: str | None) -> tuple[bytes, str]:
    """A model's bytes and their SHA-256; RunnerError by a runner's name if not those given."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RunnerError(f"{name}: cannot load {file.name}: {error.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, digest):
        raise _changed(name, file)
    return content, digest


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let PyTorch use so many threads: more than one only spin over a short signal."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def first_line(error: BaseException) -> str:
    """An exception's message as one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:400] if lines else type(error).__name__


def hash_tensors(tensors: Tensors) -> str:
    """SHA-256 over names, dtypes, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in tensors.items():
        digest.update(repr((name, value.dtype.name, value.shape)).encode() + value.tobytes())
    return digest.hexdigest()
