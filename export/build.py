"""One model → its files: load, trace, simplify, make variants, prove each, describe it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
from onnx.inliner import inline_local_functions

from export.blocks import split_into_blocks
from export.catalog import HOP_SAMPLES, LOWEST_PITCH, NETWORK_RATE_HZ, RATE_HZ, Model
from export.constants import Constant, follow_constants, list_nodes
from export.example import read_example
from export.manifest import ModelFile, TensorInfo, Variant
from export.quantize import FORMS, ROUNDING, VARIANTS
from export.recommend import recommend
from export.simplify import simplify
from export.weights import SEED, Weights

if TYPE_CHECKING:
    from torch import nn

    from export.nets.fast import Form
    from export.trace import Shapes, Traced

TOOLS = ("torch", "onnx", "onnxscript", "onnxsim", "onnxruntime", "numpy")
"""What a file's bytes depend on."""
EXAMPLE_SECONDS = 6.0
"""Music on which the error is measured: both instruments and the melody enter, and it is quick."""

SHORT_BLOCK_FRAMES = 64
"""Of the proof: the music has eight, so that there are many borders."""
BLOCKS_TOLERANCE = 1e-5
"""Other lengths are added up in another order: 1e-6 of activations. A frame too few: 1e-3."""

Report = Callable[[str], None]
"""Told what is being done, e.g. ``basicamt: simplify``."""


class Options(NamedTuple):
    """What the user may choose for all models."""

    variants: tuple[Variant, ...]
    epsilon: float
    opset: int
    fast: bool = True
    """Whether layers are rewritten (``nets.fast``); else they stay as they were trained."""

    def choose_form(self, variant: Variant) -> Form:
        """How a variant's layers are computed (``nets.fast``)."""
        return FORMS[variant] if self.fast else "trained"


class NumberError(ValueError):
    """A finished file gives something that is not a number; the message says which and where."""


def build(
    model: Model, weights: Weights, options: Options, folder: Path, report: Report
) -> Iterator[ModelFile]:
    """Write a model's variants into ``folder`` and describe each.

    Raises CheckpointError, ConstantLostError or NumberError, all ValueErrors.
    """
    # torch takes seconds to import: not needed for --help, nor where nothing has changed.
    import torch

    from export.trace import WAVEFORM

    report(f"{model.name}: load")
    deployed = load(model, weights, options)
    forms = {variant: options.choose_form(variant) for variant in options.variants}
    graphs: dict[Form, tuple[onnx.ModelProto, Traced]] = {}
    for form in sorted(set(forms.values())):
        name = f"{model.name} ({form})"
        graphs[form] = write_graph(
            name, deployed, model.outputs, WAVEFORM, options.opset, report, form=form
        )

    music = read_example(EXAMPLE_SECONDS)
    if "fast" in graphs:
        report(f"{model.name}: blocks")
        simple, traced = graphs["fast"]
        prove_blocks(simple, model, music)
        graphs["fast"] = split_into_blocks(simple), traced
    with torch.no_grad():
        truth = [y.numpy() for y in deployed.double()(torch.from_numpy(music).double())]
    for variant in options.variants:
        report(f"{model.name}: {variant}")
        simple, traced = graphs[forms[variant]]
        graph = onnx.ModelProto()
        graph.CopyFrom(simple)
        graph = VARIANTS[variant](graph)
        path = folder / file_name(model, variant)
        path.write_bytes(graph.SerializeToString(deterministic=True))
        prove_constants(traced.stock, path, variant)
        error = measure_error(path, model.outputs, read_cases(music), truth)
        yield describe(
            model, variant, weights, options, path, graph, traced.stock, traced.parameters, error
        )


def prove_blocks(graph: onnx.ModelProto, model: Model, music: np.ndarray) -> None:
    """Check that short blocks give what the whole gives; raises NumberError where they do not."""
    found = []
    for made in (graph, split_into_blocks(graph, SHORT_BLOCK_FRAMES)):
        session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        found.append(session.run(list(model.outputs), {"audio": music}))
    for name, whole, blocked in zip(model.outputs, *found, strict=True):
        far = np.abs(whole - blocked).max() if whole.shape == blocked.shape else np.inf
        if not far <= BLOCKS_TOLERANCE:
            raise NumberError(f"{model.name}: in blocks {name} is off by {far:.3g}")


def load(model: Model, weights: Weights, options: Options) -> nn.Module:
    """A model's network with its weights."""
    import torch

    from export.checkpoint import load_into, load_state

    torch.manual_seed(SEED)
    deployed = model.build(options.epsilon).eval()
    if weights.path:
        network = deployed.get_submodule("network")
        load_into(network, load_state(weights.path), weights.path)
    return deployed


def write_graph(
    name: str,
    network: nn.Module,
    outputs: tuple[str, ...],
    inputs: Shapes,
    opset: int,
    report: Report,
    *,
    form: Form,
) -> tuple[onnx.ModelProto, Traced]:
    """Trace and simplify a network, its constants followed through both steps."""
    from export.trace import trace

    report(f"{name}: trace")
    traced = trace(network, outputs, inputs=inputs, form=form, opset=opset)
    follow_constants(traced.stock, traced.graph, f"{name}: trace")
    report(f"{name}: simplify")
    simple = simplify(traced.graph)
    follow_constants(traced.stock, simple, f"{name}: simplify")
    return simple, traced


def file_name(model: Model, variant: Variant) -> str:
    """fp32 has the name that noteDigger knows; the others say what they are."""
    return f"{model.stem}.onnx" if variant == "fp32" else f"{model.stem}.{variant}.onnx"


def prove_constants(stock: tuple[Constant, ...], path: Path, variant: Variant) -> None:
    """Follow the constants into a file, and into what onnxruntime makes of it when it optimises."""
    follow_constants(stock, onnx.load(path), f"{path.name}: variant {variant}", ROUNDING[variant])
    with tempfile.TemporaryDirectory() as folder:
        optimised = Path(folder) / "optimised.onnx"
        options = ort.SessionOptions()
        options.log_severity_level = 3  # it warns that the result is for this machine: it is
        options.optimized_model_filepath = str(optimised)
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        step = f"{path.name}: onnxruntime's optimiser"
        follow_constants(stock, onnx.load(optimised), step, ROUNDING[variant])


def read_cases(music: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """What every file must make numbers of: music (1, 1, samples), silence, a single sample."""
    cases = {"music": music, "silence": np.zeros_like(music), "one sample": music[:, :, :1]}
    return {name: {"audio": audio} for name, audio in cases.items()}


def measure_error(
    path: Path,
    outputs: tuple[str, ...],
    cases: Mapping[str, Mapping[str, np.ndarray]],
    truth: Sequence[np.ndarray],
) -> dict[str, float]:
    """Largest distance to ``truth`` per output on music, the first of the ``cases``.

    To three digits, and by one thread, so that it is the same in the next run. Raises NumberError
    where a case, inputs by name, gives what is not a number.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    found = {name: session.run(list(outputs), dict(inputs)) for name, inputs in cases.items()}
    for name, arrays in found.items():
        for output, values in zip(outputs, arrays, strict=True):
            if not np.isfinite(values).all():
                bad = int((~np.isfinite(values)).sum())
                raise NumberError(f"{path.name}: {output} has {bad} NaN or infinities on {name}")
    error = {}
    for output, values, expected in zip(outputs, next(iter(found.values())), truth, strict=True):
        if values.shape != expected.shape:
            raise NumberError(f"{path.name}: {output} is {values.shape}, expected {expected.shape}")
        error[output] = float(f"{np.abs(values - expected).max():.3g}")
    return error


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
    """SHA-256 over everything that a file is made from: weights, options, tools, this code."""
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
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def tool_versions() -> dict[str, str]:
    """Version by name of the tools that make the files; without a build's local label."""
    return {tool: version(tool).partition("+")[0] for tool in TOOLS}
