"""The command ``tiny-amt``: a verb for each thing that a checkout does with ``python -m``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence

VERBS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "verify": ("verify", (), "judge models in every runtime and browser: --model, --reference"),
    "bisect": ("verify", ("bisect",), "find the first bad node"),
    "browsers": ("verify", ("browsers",), "find browsers, and get those that are missing"),
    "onnx-suite": ("verify", ("onnx-suite",), "ONNX's own node tests through the runtimes"),
    "epsilon": ("verify", ("epsilon",), "which exporter or runtime drops a small constant"),
    "bench": ("verify", ("bench",), "time exported files in browsers"),
    "export": ("export", (), "write web-ready ONNX files from checkpoints"),
    "page": ("web", ("build",), "write the demo page"),
    "serve": ("web", ("serve",), "serve the page on this machine"),
    "publish": ("verify", ("publish",), "put files that passed into a noteDigger checkout"),
    "notedigger": ("verify", ("notedigger",), "drive noteDigger with its models and with ours"),
    "release": ("verify", ("release",), "gather what passed for a release"),
}
"""Verb → package, the words before the user's, what it does."""
_EXTRAS = {"torch": "export", "onnxsim": "export", "onnxscript": "export", "onnx_ir": "export",
           "pooch": "export", "safetensors": "export", "scipy": "export",
           "soundfile": "export"}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; its exit status, and 2 for one that there is not."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: tiny-amt VERB …, each with --help\n")
        print("\n".join(f"  {verb:<11} {about}" for verb, (_, _, about) in VERBS.items()))
        return 0 if argv else 2
    if argv[0] not in VERBS:
        print(f"error: there is no verb {argv[0]!r}; type `tiny-amt --help`", file=sys.stderr)
        return 2
    package, words, _ = VERBS[argv[0]]
    # A wheel holds the packages inside this one; a checkout has them beside it.
    inside = importlib.util.find_spec(f"{__package__}.{package}") is not None
    name = f"{__package__}.{package}" if inside else package
    try:
        run = importlib.import_module(f"{name}.__main__").main
        status: int = run([*words, *argv[1:]])
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        print(f"error: this needs {error.name}: pip install 'tiny-amt[{extra}]'", file=sys.stderr)
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
