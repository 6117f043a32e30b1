"""``python -m web.engine.build``: the C of this folder → engine.wasm and engine-relaxed.wasm.

By zig's clang, from PyPI's ``ziglang``: one version of it gives the same bytes on any machine. The
modules are committed, so that users need no compiler.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from export.layout import DECLARATION, fingerprint, read_layout

FOLDER = Path(__file__).parent
FEATURES = {
    "engine.wasm": "simd128+bulk_memory",
    "engine-relaxed.wasm": "simd128+relaxed_simd+bulk_memory",
}
"""By module; the second may round a product and its sum once."""
FLAGS = (
    *("-std=c17", "-O2", "-Wall", "-Wextra", "-Werror"),
    "-ffp-contract=off",  # otherwise rounding depends on the compiler
)
WASM_FLAGS = (
    *("-target", "wasm32-freestanding", "-nostdlib", "-fno-sanitize=all"),
    *("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=65536"),
)


class CompilerError(RuntimeError):
    """The compiler is missing or failed; the message says what to do."""


def list_sources() -> list[Path]:
    """The C files, in the same order everywhere."""
    return sorted(FOLDER.glob("*.c"))


def define_layout() -> str:
    """The flag with the fingerprint of the C's own declaration."""
    return f"-DLAYOUT={fingerprint(read_layout(DECLARATION.read_text(encoding='utf-8'))):#x}u"


def has_compiler() -> bool:
    """Whether zig is installed."""
    return importlib.util.find_spec("ziglang") is not None


def build(folder: Path, names: Iterable[str] = FEATURES) -> None:
    """Write modules into ``folder``; CompilerError if that fails."""
    if not has_compiler():
        raise CompilerError("there is no zig; install it: pip install ziglang")
    for name in names:
        command = [
            *(sys.executable, "-m", "ziglang", "cc"),
            *(*FLAGS, *WASM_FLAGS, define_layout(), f"-mcpu=generic+{FEATURES[name]}"),
            *(source.name for source in list_sources()),  # paths would be in the bytes
            *("-o", str(folder.resolve() / name)),
        ]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompilerError(f"zig cannot make {name}:\n{done.stderr}")
        (folder / name).chmod(0o644)  # a module, no program


if __name__ == "__main__":
    try:
        build(FOLDER)
    except CompilerError as error:
        sys.exit(f"error: {error}")
