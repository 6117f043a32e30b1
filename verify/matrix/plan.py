"""The runtimes that a command line names: which run, which are left out, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib.metadata import version
from typing import Literal

from verify.matrix.kept import hash_code
from verify.matrix.records import Case, LeftOut, Plan, Subject
from verify.matrix.references import CODE as NETWORK_CODE
from verify.matrix.subjects import Networks, SubjectError
from verify.runtimes.browser import RUNTIMES, BrowserRunner
from verify.runtimes.child import ChildRunner
from verify.runtimes.driver.install import locate_any
from verify.runtimes.driver.launch import BrowserMissingError, BrowserName
from verify.runtimes.driver.trial import identify
from verify.runtimes.engine import ENGINES, EngineRunner, NodeEngineRunner
from verify.runtimes.runners import NativeRunner, TorchRunner
from verify.runtimes.session import Limits, Runtime
from web import packages

_UNLESS_ASKED = {
    "firefox-webgpu": "Firefox has no software WebGPU adapter; name it on a machine with a GPU",
    "webkit-webgpu": "WebKit has no software WebGPU adapter; name it on a machine with a GPU",
    "webkit-engine-relaxed": "WebKit (WebKitGTK 2.50.6) has no relaxed SIMD; name it if yours has",
}
_STREAMED_REASON = (
    "each signal opens every stage again, and a software adapter takes seconds to compile shaders"
)
_NATIVE: dict[str, Literal["off", "full"]] = {"native-off": "off", "native-full": "full"}
NAMES = ("torch-float32", "native-off", "native-full", "node-engine", *RUNTIMES, *ENGINES)
"""Every runtime there is."""


def plan(
    wanted: Sequence[str],
    without: Sequence[str],
    *,
    networks: Networks | None,
    installed: Callable[[BrowserName], bool],
    brief: frozenset[str] | None,
    time_limit_seconds: float,
    webgpu: Literal["software", "hardware"],
    apart: bool = False,
) -> tuple[list[Plan], list[LeftOut]]:
    """Choose runtimes by shell patterns.

    Without ``wanted``, all that this machine can be expected to have; a runtime asked for by name
    is run, and fails if it is missing. ``networks`` None leaves PyTorch out. ``installed`` says
    whether a browser is installed. ``brief`` are the signals for software WebGPU; None for all.
    ``apart`` runs native onnxruntime in a process of its own, where a model that is not ours may
    hang or take all memory. SubjectError if a pattern matches nothing or no runtime is left.
    """
    for pattern in (*wanted, *without):
        if not any(fnmatchcase(name, pattern) for name in NAMES):
            raise SubjectError(f"no runtime is called {pattern}; there are: {', '.join(NAMES)}")
    plans, left_out = [], []
    for name in NAMES:
        asked = any(fnmatchcase(name, pattern) for pattern in wanted)
        if any(fnmatchcase(name, pattern) for pattern in without):
            left_out.append(LeftOut(name, "excluded by --without"))
        elif wanted and not asked:
            left_out.append(LeftOut(name, "not asked for"))
        elif name == "torch-float32" and networks is None:
            left_out.append(
                LeftOut(name, "outputs are compared with stored ones, not with a network")
            )
        elif name not in wanted and name in _UNLESS_ASKED:
            left_out.append(LeftOut(name, _UNLESS_ASKED[name]))
        elif not asked and name.startswith("webkit") and not installed("webkit"):
            left_out.append(LeftOut(name, "WebKit is not installed here"))
        else:
            plans.append(_plan(name, networks, brief, time_limit_seconds, webgpu, apart))
            if name.endswith("webgpu") and webgpu == "software" and not apart:
                left_out.append(LeftOut(f"{name}, streamed, all but music", _STREAMED_REASON))
                if brief is not None:
                    reason = "a software adapter takes seconds per frame: short signals only"
                    left_out.append(LeftOut(f"{name}, long signals", reason))
    if not plans:
        raise SubjectError("no runtime is left to compare")
    return plans, left_out


def _plan(
    name: str,
    networks: Networks | None,
    brief: frozenset[str] | None,
    time_limit_seconds: float,
    webgpu: Literal["software", "hardware"],
    apart: bool,
) -> Plan:
    limits = replace(Limits(), run=time_limit_seconds)
    native = f"onnxruntime {version('onnxruntime')}"
    if name == "torch-float32" and networks is not None:
        # The network is the same behind every variant.
        make_torch = lambda: TorchRunner("float32", networks)  # noqa: E731  # as below
        torch = f"torch {version('torch')} {hash_code(NETWORK_CODE)}"
        return Plan(name, make_torch, _fp32_only, identity=torch)
    if name in _NATIVE:
        level = _NATIVE[name]
        if apart:
            limits = replace(limits, load=time_limit_seconds)
            return Plan(name, lambda: ChildRunner(level, limits=limits), _onnx, identity=native)
        return Plan(name, lambda: NativeRunner(level), _onnx, identity=native)
    if name == "node-engine":
        return Plan(name, NodeEngineRunner, _engine)
    if name in ENGINES:
        return Plan(name, lambda: EngineRunner(ENGINES[name], limits=limits), _engine)
    runtime = RUNTIMES[name]
    make = lambda: BrowserRunner(runtime, limits=limits, webgpu=webgpu)  # noqa: E731  # one factory a runtime
    identity = _identify(runtime, webgpu)
    if runtime.backend == "webgpu" and webgpu == "software":
        takes = lambda subject, case: _fits_software(subject, case, brief)  # noqa: E731  # one a plan
        return Plan(name, make, takes, first=True, identity=identity)
    return Plan(name, make, _onnx, alone=runtime.threads > 1, identity=identity)


def _identify(runtime: Runtime, webgpu: str) -> str | None:
    """The browser and the package that it runs; None if either is missing."""
    try:
        browser = identify(locate_any(runtime.browser))
        package = packages.find(runtime.package)
        script = (package / "dist" / runtime.script).read_bytes()
        stated = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    except (BrowserMissingError, OSError):
        return None
    return f"{browser} {runtime} {webgpu} {stated} {hashlib.sha256(script).hexdigest()}"


def _onnx(subject: Subject, case: Case) -> bool:
    return not subject.engine


def _engine(subject: Subject, case: Case) -> bool:
    return subject.engine


def _fits_software(subject: Subject, case: Case, brief: frozenset[str] | None) -> bool:
    if subject.engine:
        return False
    if subject.stream is not None and case.notes is None:
        return False
    return brief is None or case.signal in brief


def _fp32_only(subject: Subject, case: Case) -> bool:
    return subject.variant in ("fp32", "streamed")
