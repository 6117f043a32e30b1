"""One model → its files: load, trace, simplify, make variants, prove each, describe it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from export.catalog import Model
from export.describe import describe
from export.example import read_example
from export.graph.blocks import split_into_blocks
from export.graph.constants import follow_constants
from export.graph.simplify import simplify
from export.load.sources import SEED, Weights
from export.manifest import ModelFile, Variant
from export.options import Options
from export.prove import measure_error, prove_blocks, prove_constants, read_cases
from export.variants import VARIANTS

if TYPE_CHECKING:
    from torch import nn

    from export.graph.trace import Shapes, Traced
    from export.layers.rewrite import Form

EXAMPLE_SECONDS = 6.0
"""Music on which the error is measured: both instruments and the melody enter, and it is quick."""

Report = Callable[[str], None]
"""Told what is being done, e.g. ``basicamt (fast): simplify``."""


def build(
    model: Model, weights: Weights, options: Options, folder: Path, report: Report
) -> Iterator[ModelFile]:
    """Write a model's variants into ``folder`` and describe each.

    Raises CheckpointError, WeightsError, ConstantLostError or NumberError, all ValueErrors.
    """
    # torch takes seconds to import: not needed for --help, nor where nothing has changed.
    import torch

    from export.graph.trace import WAVEFORM

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


def load(model: Model, weights: Weights, options: Options) -> nn.Module:
    """A model's network with its weights."""
    import torch

    from export.load.checkpoint import load_into, load_state

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
    from export.graph.trace import trace

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
