"""Native onnxruntime in a process of its own: a model may hang, crash or take all memory there.

The child gets a file's path and tensors as bytes, and answers with tensors or an error's words.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Literal, Self

from verify.compare import Array
from verify.runtimes import ourselves
from verify.runtimes.runners import (
    HangError,
    LimitError,
    NativeRunner,
    NotSupportedError,
    RunnerError,
    first_line,
)
from verify.runtimes.session import Limits
from verify.runtimes.values import Tensors
from verify.runtimes.wire import pack, unpack

_ERRORS = {error.__name__: error for error in (LimitError, NotSupportedError, RunnerError)}


def available_bytes() -> int:
    """Memory of this machine that a model may take: three quarters."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4


class ChildRunner:
    """``NativeRunner`` behind a pipe; after a limit or a crash the next ``load`` starts afresh."""

    def __init__(
        self,
        optimization: Literal["off", "full"],
        *,
        limits: Limits | None = None,
        most_bytes: int | None = None,
    ) -> None:
        self.name = f"native-{optimization}"
        self.versions = {"onnxruntime": version("onnxruntime")}
        self._optimization = optimization
        self._limits = limits or Limits()
        self._most_bytes = most_bytes or available_bytes()
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def load(self, file: Path, sha256: str | None = None) -> None:
        """As of a Runner; LimitError for too much time or memory."""
        if self._child is None:
            self._start()
        self._call(f"load {file.name}", self._limits.load, ["load", str(file.absolute()), sha256])

    def run(self, inputs: Mapping[str, Array]) -> Tensors:
        """As of a Runner; LimitError for too much time or memory."""
        if self._child is None:
            raise RunnerError(f"{self.name}: no model is loaded")
        wires, data = pack(inputs)
        return self._call("run", self._limits.run, ["run", wires], data)

    def _start(self) -> None:
        self._pipe, theirs = Pipe()
        arguments = [str(theirs.fileno()), self._optimization, str(self._most_bytes)]
        self._child = subprocess.Popen(
            [*ourselves.command(__name__), *arguments],
            pass_fds=[theirs.fileno()],
            env=ourselves.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        self._call("start", self._limits.start, ["start"])

    def _call(
        self, what: str, limit_seconds: float, words: list[Any], data: bytes = b""
    ) -> Tensors:
        try:
            self._pipe.send_bytes(json.dumps(words).encode())
            self._pipe.send_bytes(data)
            if not self._pipe.poll(limit_seconds):
                self._stop()
                raise HangError(f"{self.name}: hung: could not {what} within {limit_seconds:g} s")
            status, told = json.loads(self._pipe.recv_bytes())
            body = self._pipe.recv_bytes()
        except (EOFError, OSError):
            raise self._died(what) from None
        if status != "done":
            raise _ERRORS[status](told)
        return unpack(body, told)

    def _died(self, what: str) -> RunnerError:
        """A crash, by its signal."""
        assert self._child is not None
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(10)
        code = self._child.returncode or 0
        self._stop()
        if code == -signal.SIGKILL:
            return LimitError(f"{self.name}: killed as it tried to {what}: it took too much memory")
        name = signal.Signals(-code).name if code < 0 else f"status {code}"
        return RunnerError(f"{self.name}: the process crashed as it tried to {what} ({name})")

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._pipe.close()
        self._child = None


def serve(pipe: Connection, optimization: Literal["off", "full"], most_bytes: int) -> None:
    """Answer until the other end is closed."""
    with suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    with NativeRunner(optimization) as runner:
        while True:
            try:
                words, data = json.loads(pipe.recv_bytes()), pipe.recv_bytes()
            except EOFError:
                return
            wires: list[dict[str, Any]] = []
            body = b""
            try:
                if words[0] == "load":
                    runner.load(Path(words[1]), words[2])
                elif words[0] == "run":
                    wires, body = pack(runner.run(unpack(data, words[1])))
            except RunnerError as error:
                known = next(kind for kind in _ERRORS.values() if isinstance(error, kind))
                answer = [known.__name__, str(error)]
            except MemoryError:
                answer = ["LimitError", f"{runner.name}: out of memory"]
            except Exception as error:  # of ours: it must not pass for a crash of the runtime
                answer = ["RunnerError", f"{runner.name}: our own fault: {first_line(error)}"]
            else:
                answer = ["done", wires]  # type: ignore[list-item]  # a list of one kind or another
            pipe.send_bytes(json.dumps(answer).encode())
            pipe.send_bytes(body)


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), sys.argv[2], int(sys.argv[3]))  # type: ignore[arg-type]  # "off" or "full"
