"""What the manifest says of a file, and by what it is recognised as up to date."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import onnx
from onnx.inliner import inline_local_functions

from export.catalog import HOP_SAMPLES, LOWEST_PITCH, NETWORK_RATE_HZ, RATE_HZ, Model
from export.example import EXAMPLE
from export.graph.constants import Constant, list_nodes
from export.load.sources import Weights
from export.manifest import ModelFile, TensorInfo, Variant
from export.options import Options
from export.recommend import recommend
from export.variants import PRECISIONS

TOOLS = ("torch", "onnx", "onnxscript", "onnxsim", "onnxruntime", "numpy")
"""What a file's bytes depend on."""


def describe(
    model: Model,
    variant: Variant,
    weights: Weights,
    options: Options,
    path: Path,
    graph: onnx.ModelProto,
    stock: tuple[Constant, ...],
    parameters: int,
    error: dict[str, float],
) -> ModelFile:
    """What the manifest says of a file."""
    data = path.read_bytes()
    return ModelFile(
        model=model.name,
        variant=variant,
        path=path.name,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        nodes=len(graph.graph.node),
        nodes_inlined=count_inlined(graph),
        parameters=parameters,
        opset=next(o.version for o in graph.opset_import if o.domain in ("", "ai.onnx")),
        ir_version=graph.ir_version,
        inputs=tuple(map(_describe_tensor, graph.graph.input)),
        outputs=tuple(map(_describe_tensor, graph.graph.output)),
        rate_hz=RATE_HZ,
        network_rate_hz=NETWORK_RATE_HZ,
        hop_samples=HOP_SAMPLES,
        lowest_pitch=LOWEST_PITCH,
        thresholds=weights.thresholds(model),
        weights=weights.source,
        checkpoint_sha256=weights.sha256,
        epsilon=options.epsilon,
        recipe=make_recipe(model, variant, weights, options),
        guards=tuple(map(str, stock)),
        error=error,
        precision=PRECISIONS[variant],
        recommended_for=recommend(variant, graph),
    )


def count_inlined(graph: onnx.ModelProto) -> int:
    """Nodes once every function stands in the place of its calls; what is stored is none."""
    inlined = inline_local_functions(graph)
    return sum(node.op_type != "Constant" for node in list_nodes(inlined.graph))


def _describe_tensor(value: onnx.ValueInfoProto) -> TensorInfo:
    tensor = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return TensorInfo(
        value.name, str(dtype), tuple(dim.dim_param or dim.dim_value for dim in tensor.shape.dim)
    )


def make_recipe(
    model: Model, variant: Variant, weights: Weights, options: Options, stage: str = ""
) -> str:
    """SHA-256 over all that a file is made from: weights, options, tools, this code.

    And the example, on which errors are measured.
    """
    parts = [
        repr(model),
        variant,
        stage,
        weights.source,
        str(weights.sha256),
        repr((options.epsilon, options.opset, options.fast)),
        *(f"{tool} {number}" for tool, number in tool_versions().items()),
    ]
    digest = hashlib.sha256("\n".join(parts).encode())
    for source in (*sorted(Path(__file__).parent.rglob("*.py")), EXAMPLE):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def tool_versions() -> dict[str, str]:
    """Version by name of the tools that make the files; without a build's local label."""
    return {tool: version(tool).partition("+")[0] for tool in TOOLS}
