"""A file's entry in the manifest, and its cache key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import onnx
from onnx import TensorProto
from onnx.inliner import inline_local_functions

from export.catalog import HOP_SAMPLES, LOWEST_PITCH, MODELS, NETWORK_RATE_HZ, RATE_HZ, Model
from export.example import EXAMPLE
from export.graph.constants import list_initializers, list_nodes
from export.load.sources import Weights
from export.manifest import Backend, Gather, ModelFile, TensorInfo, Variant
from export.options import Options
from export.variants import PRECISIONS

if TYPE_CHECKING:
    from export.graph.trace import Traced

TOOLS = ("torch", "onnx", "onnx_ir", "onnxscript", "onnxsim", "onnxruntime", "numpy")
"""Tools that a file's bytes depend on."""


class Source(NamedTuple):
    """The ingredients of one file."""

    model: Model
    variant: Variant
    stage: str | None
    weights: Weights
    options: Options


def describe(
    source: Source,
    path: Path,
    graph: onnx.ModelProto,
    traced: Traced,
    error: dict[str, float],
    halo_frames: int | None = None,
    gathers: tuple[Gather, ...] = (),
) -> ModelFile:
    """The manifest's entry of a file."""
    data = path.read_bytes()
    return ModelFile(
        model=source.model.name,
        variant=source.variant,
        stage=source.stage,
        path=path.name,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        nodes=len(graph.graph.node),
        nodes_inlined=count_inlined(graph),
        parameters=traced.parameters,
        opset=next(o.version for o in graph.opset_import if o.domain in ("", "ai.onnx")),
        ir_version=graph.ir_version,
        inputs=tuple(map(_describe_tensor, graph.graph.input)),
        outputs=tuple(map(_describe_tensor, graph.graph.output)),
        halo_frames=halo_frames,
        gathers=gathers,
        rate_hz=RATE_HZ,
        network_rate_hz=NETWORK_RATE_HZ,
        hop_samples=HOP_SAMPLES,
        lowest_pitch=LOWEST_PITCH,
        thresholds=source.weights.thresholds(source.model),
        weights=source.weights.source,
        checkpoint_sha256=source.weights.sha256,
        epsilon=source.options.epsilon,
        recipe=make_recipe(source),
        guards=tuple(map(str, traced.stock)),
        error=error,
        precision=PRECISIONS[source.variant],
        recommended_for=recommend(source.variant, graph),
    )


def count_inlined(graph: onnx.ModelProto) -> int:
    """Number of nodes with every function inlined, without those that only hold a constant."""
    inlined = inline_local_functions(graph)
    return sum(node.op_type != "Constant" for node in list_nodes(inlined.graph))


def recommend(variant: Variant, graph: onnx.ModelProto) -> tuple[Backend, ...]:
    """The backends for which a file is the best of its model.

    That is fp32, the most exact, and no slower than the others; but not for WebGPU if it computes
    in float64, which onnxruntime-web lacks there.
    """
    if variant != "fp32":
        return ()
    return ("wasm",) if TensorProto.DOUBLE in _list_types(graph) else ("wasm", "webgpu")


def _list_types(graph: onnx.ModelProto) -> Iterator[int]:
    """Element types of stored tensors and casts, also in functions and inner graphs."""
    inlined = inline_local_functions(graph).graph
    yield from (tensor.data_type for tensor in list_initializers(inlined))
    for node in list_nodes(inlined):
        for attribute in node.attribute:
            yield attribute.i if attribute.name in ("to", "dtype") else attribute.t.data_type


def _describe_tensor(value: onnx.ValueInfoProto) -> TensorInfo:
    tensor = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return TensorInfo(
        value.name, str(dtype), tuple(dim.dim_param or dim.dim_value for dim in tensor.shape.dim)
    )


def make_recipe(source: Source) -> str:
    """The cache key of a file: SHA-256 of weights, options, tools, this code, and the example.

    Errors are measured on the example.
    """
    weights = source.weights
    return _hash_recipe(
        source.model, source.variant, source.stage, source.options, weights.source, weights.sha256
    )


def has_own_recipe(entry: ModelFile) -> bool:
    """Whether this code, with these tools and no other options, makes a file of the manifest."""
    options = Options((entry.variant,), entry.epsilon, entry.opset)
    model = MODELS.get(entry.model)
    return model is not None and entry.recipe == _hash_recipe(
        model, entry.variant, entry.stage, options, entry.weights, entry.checkpoint_sha256
    )


def _hash_recipe(
    model: Model,
    variant: Variant,
    stage: str | None,
    options: Options,
    weights: str,
    checkpoint_sha256: str | None,
) -> str:
    parts = [
        repr(model),
        variant,
        str(stage),
        weights,
        str(checkpoint_sha256),
        repr((options.epsilon, options.opset, options.fast)),
        *(f"{tool} {number}" for tool, number in tool_versions().items()),
    ]
    digest = hashlib.sha256("\n".join(parts).encode())
    for path in (*sorted(Path(__file__).parent.rglob("*.py")), EXAMPLE):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def tool_versions() -> dict[str, str]:
    """Versions of the tools that make the files, by name, without a build's local label."""
    return {tool: version(tool).partition("+")[0] for tool in TOOLS}
