"""One model → its files, whole and in stages: trace, simplify, make variants, prove, describe."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx

from export.catalog import HOP_SAMPLES, NETWORK_RATE_HZ, RATE_HZ, Model
from export.describe import Source, describe
from export.example import read_example
from export.graph.blocks import split_into_blocks
from export.graph.constants import follow_constants
from export.graph.simplify import simplify
from export.load.network import load_network
from export.load.sources import Weights
from export.manifest import Gather, ModelFile, Variant
from export.options import Options
from export.prove import measure_error, prove_blocks, prove_constants, read_cases
from export.variants import VARIANTS

if TYPE_CHECKING:
    from torch import nn

    from export.graph.trace import Shapes, Traced
    from export.layers.rewrite import Form

WHOLE_SECONDS = 6.0
"""Music on which the error is measured: long enough for every instrument to enter, yet quick."""
STAGE_SECONDS = 2.0
"""Enough for a stage, which reads at most a second on either side."""
FRAME_SAMPLES = HOP_SAMPLES * RATE_HZ // NETWORK_RATE_HZ
"""One frame of the waveform that stages take: 512."""
STAGES_VARIANT: Variant = "fp32"
"""Stages promise the whole file's result, so they have no other variant."""

Tell = Callable[[str], None]
"""Takes the step under way, e.g. ``basicamt (fast): simplify``."""


class Key(NamedTuple):
    """The identity of a file of a model."""

    variant: Variant
    stage: str | None


class Part(NamedTuple):
    """A whole network or one of its stages, and the reference of its files."""

    stage: str | None
    module: nn.Module
    inputs: Shapes
    outputs: tuple[str, ...]
    cases: Mapping[str, Mapping[str, np.ndarray]]
    """Inputs by name, by case; music first."""
    truth: Sequence[np.ndarray]
    """The outputs on music, in float64."""
    halo_frames: int | None = None
    gathers: tuple[Gather, ...] = ()


def list_keys(model: Model, variants: Collection[Variant]) -> list[Key]:
    """Every file that a model is exported to."""
    keys = [Key(variant, None) for variant in variants]
    if STAGES_VARIANT in variants:
        keys += [Key(STAGES_VARIANT, stage) for stage in model.stages]
    return keys


def file_name(model: Model, key: Key) -> str:
    """The name noteDigger has for a whole fp32 file; others add stage and variant."""
    mark = key.stage or (key.variant if key.variant != "fp32" else "")
    return f"{model.stem}.{mark}.onnx" if mark else f"{model.stem}.onnx"


def build(
    model: Model,
    weights: Weights,
    options: Options,
    keys: Sequence[Key],
    folder: Path,
    tell: Tell,
) -> Iterator[ModelFile]:
    """Write these files of a model into ``folder`` and describe each.

    Raises CheckpointError, WeightsError, ConstantLostError or NumberError, all ValueErrors, and
    onnx's ValidationError, which is not one, if a graph is invalid.
    """
    tell(f"{model.name}: load")
    deployed = load_network(model, weights.path, options.epsilon)
    if any(key.stage is None for key in keys):
        variants = [key.variant for key in keys if key.stage is None]
        part = _take_whole(model, deployed)
        yield from _build_part(model, weights, options, part, variants, folder, tell)
    wanted = {key.stage for key in keys if key.stage}
    for part in _cut_stages(model, deployed) if wanted else ():
        if part.stage in wanted:
            variants = [STAGES_VARIANT]
            yield from _build_part(model, weights, options, part, variants, folder, tell)


def _take_whole(model: Model, deployed: nn.Module) -> Part:
    import torch

    from export.graph.trace import WAVEFORM
    from export.load.bands import InBands

    music = read_example(WHOLE_SECONDS)
    with torch.no_grad(), InBands():
        truth = copy.deepcopy(deployed).double()(torch.from_numpy(music).double())
    return Part(
        None, deployed, WAVEFORM, model.outputs, read_cases(music), [y.numpy() for y in truth]
    )


def _cut_stages(model: Model, deployed: nn.Module) -> Iterator[Part]:
    """Each stage, with its inputs and outputs in a run of all of them in float64."""
    import torch

    from export.load.bands import InBands
    from export.nets.stages import cut, measure_halo, run_stages

    stages = cut(deployed.get_submodule("network"), model.stages)
    exact = copy.deepcopy(stages)
    for stage in exact.values():
        stage.double()
    with InBands():
        values = {
            case: run_stages(exact, torch.from_numpy(inputs["audio"]).double())
            for case, inputs in read_cases(read_example(STAGE_SECONDS)).items()
        }
    for name, stage in stages.items():
        # Inputs in float32, as in files.
        cases = {
            case: {key: found[key].float() for key in stage.inputs}
            for case, found in values.items()
        }
        with torch.no_grad(), InBands():
            truth = exact[name](*(tensor.double() for tensor in cases["music"].values()))
        yield Part(
            name,
            stage,
            stage.inputs,
            stage.outputs,
            {case: {k: v.numpy() for k, v in inputs.items()} for case, inputs in cases.items()},
            [tensor.numpy() for tensor in truth],
            measure_halo(stage, FRAME_SAMPLES),
            stage.gathers,
        )


def _build_part(
    model: Model,
    weights: Weights,
    options: Options,
    part: Part,
    variants: Sequence[Variant],
    folder: Path,
    tell: Tell,
) -> Iterator[ModelFile]:
    title = " ".join(filter(None, (model.name, part.stage)))
    forms = {variant: options.choose_form(variant) for variant in variants}
    graphs: dict[Form, tuple[onnx.ModelProto, Traced]] = {}
    for form in sorted(set(forms.values())):
        name = title if part.stage else f"{title} ({form})"
        simple, traced = write_graph(
            name, part.module, part.outputs, part.inputs, options.opset, tell, form=form
        )
        if form == "fast" and part.stage is None:
            tell(f"{title}: blocks")
            prove_blocks(simple, model, part.cases["music"]["audio"])
            simple = split_into_blocks(simple)
        graphs[form] = simple, traced
    for variant in variants:
        tell(f"{title}: {variant}")
        simple, traced = graphs[forms[variant]]
        graph = onnx.ModelProto()
        graph.CopyFrom(simple)
        graph = VARIANTS[variant](graph)
        key = Key(variant, part.stage)
        path = folder / file_name(model, key)
        path.write_bytes(graph.SerializeToString(deterministic=True))
        prove_constants(traced.stock, path, variant)
        error = measure_error(path, part.outputs, part.cases, part.truth)
        source = Source(model, variant, part.stage, weights, options)
        yield describe(source, path, graph, traced, error, part.halo_frames, part.gathers)


def write_graph(
    name: str,
    network: nn.Module,
    outputs: tuple[str, ...],
    inputs: Shapes,
    opset: int,
    tell: Tell,
    *,
    form: Form,
) -> tuple[onnx.ModelProto, Traced]:
    """Trace and simplify a network, following its constants through both steps."""
    from export.graph.trace import trace

    tell(f"{name}: trace")
    traced = trace(network, outputs, inputs=inputs, form=form, opset=opset)
    follow_constants(traced.stock, traced.graph, f"{name}: trace")
    tell(f"{name}: simplify")
    simple = simplify(traced.graph)
    follow_constants(traced.stock, simple, f"{name}: simplify")
    return simple, traced
