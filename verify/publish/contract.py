"""The two files that noteDigger loads: those of the manifest that passed, in the app's own form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx

from export.describe import has_own_recipe
from export.manifest import Manifest, ModelFile
from verify.publish.app.checkout import FILES
from verify.publish.gate import PublishError, require_passed

OLD_RUNTIME = "wasm-1.18"
"""Ending of the runtimes with the version that noteDigger ships."""
NEWEST_OPSET, NEWEST_IR = 21, 10
"""The newest that onnxruntime-web 1.18.0 reads."""


def find_publishable(models: Path, report: Path) -> list[ModelFile]:
    """The manifest's entries for noteDigger's files; PublishError if one may not be published."""
    files = Manifest.read(models).wholes
    found = []
    for name in FILES:
        entry = next((file for file in files if file.path == name), None)
        if entry is None:
            raise PublishError(f"{models} has no {name}; run `make export` for it")
        if entry.variant != "fp32" or not has_own_recipe(entry):
            # An fp16 or int8 file promises less, whatever it is called.
            raise PublishError(
                f"{name} is not the fp32 file that this version makes of {entry.model} with "
                "default options; run `make export` and `make verify` again"
            )
        found.append(entry)
    runtimes = require_passed(models, ([file] for file in found), report)
    for name in FILES:
        if not any(runtime.endswith(OLD_RUNTIME) for runtime in runtimes[name]):
            raise PublishError(
                f"{name} was not judged with onnxruntime-web 1.18.0, which noteDigger ships, on "
                f"music and silence; run `make verify` without leaving out *-{OLD_RUNTIME}"
            )
        check_contract(models / name)
    return found


def check_contract(path: Path) -> None:
    """Check the file itself: names, dtypes, shapes, opset and IR must be as the app expects."""
    model = onnx.load(path, load_external_data=False)
    name = path.name
    expected: dict[str, tuple[int | str, ...]] = {
        "onset": (1, 84, "frames"),
        "frame": (1, 84, "frames"),
    }
    if name.startswith("septimbre"):
        expected["embedding"] = (1, 12, 84, "frames")
    for found, wanted in (
        (_describe(model.graph.input), {"audio": (1, 1, "samples")}),
        (_describe(model.graph.output), expected),
    ):
        if found != wanted:
            raise PublishError(f"{name} has {found}, noteDigger expects {wanted}")
    opset = max(entry.version for entry in model.opset_import)
    if opset > NEWEST_OPSET or model.ir_version > NEWEST_IR:
        raise PublishError(
            f"{name} has opset {opset} and IR {model.ir_version}; onnxruntime-web 1.18.0 reads up "
            f"to {NEWEST_OPSET} and {NEWEST_IR}; run `make export` without --opset"
        )
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise PublishError(f"{name} keeps weights outside the file; the app loads one file")


def _describe(values: Sequence[onnx.ValueInfoProto]) -> dict[str, tuple[int | str, ...]]:
    described = {}
    for value in values:
        tensor = value.type.tensor_type
        if tensor.elem_type != onnx.TensorProto.FLOAT:
            raise PublishError(f"{value.name} is not float32, as noteDigger reads it")
        described[value.name] = tuple(d.dim_param or d.dim_value for d in tensor.shape.dim)
    return described
