"""One model → the files of its stages: the same steps as a whole model's, see ``build``."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

from export.build import Report, load, write_graph
from export.catalog import HOP_SAMPLES, NETWORK_RATE_HZ, RATE_HZ, Model
from export.describe import describe, make_recipe
from export.example import read_example
from export.load.sources import Weights
from export.manifest import StageFile, Variant
from export.options import Options
from export.prove import measure_error, prove_constants, read_cases
from export.variants import VARIANTS

EXAMPLE_SECONDS = 2.0
"""Enough for an error: a stage looks no further than a second to either side."""
FRAME_SAMPLES = HOP_SAMPLES * RATE_HZ // NETWORK_RATE_HZ
"""One frame of the waveform that stages take: 512."""
VARIANT: Variant = "fp32"


def file_name(model: Model, stage: str) -> str:
    """A stage's file, e.g. ``basicamt_44100.ears.onnx``."""
    return f"{model.stem}.{stage}.onnx"


def build_stages(
    model: Model, weights: Weights, options: Options, folder: Path, report: Report
) -> Iterator[StageFile]:
    """Write a model's stages into ``folder`` and describe each; raises what ``build`` raises."""
    import torch

    from export.nets.stages import cut, measure_halo, run_stages

    deployed = load(model, weights, options)
    stages = cut(deployed.get_submodule("network"), model.stages)
    exact = copy.deepcopy(stages)
    for stage in exact.values():
        stage.double()
    # What each stage gets and gives on each case, its inputs as exact as they are in files.
    values = {
        name: run_stages(exact, torch.from_numpy(case["audio"]).double())
        for name, case in read_cases(read_example(EXAMPLE_SECONDS)).items()
    }
    for name, stage in stages.items():
        title = f"{model.name} {name}"
        form = options.choose_form(VARIANT)
        graph, traced = write_graph(
            title, stage, stage.outputs, stage.inputs, options.opset, report, form=form
        )
        report(f"{title}: {VARIANT}")
        graph = VARIANTS[VARIANT](graph)
        path = folder / file_name(model, name)
        path.write_bytes(graph.SerializeToString(deterministic=True))
        prove_constants(traced.stock, path, VARIANT)
        cases = {
            case: {key: found[key].float() for key in stage.inputs}
            for case, found in values.items()
        }
        with torch.no_grad():
            truth = exact[name](*(tensor.double() for tensor in cases["music"].values()))
        error = measure_error(
            path,
            stage.outputs,
            {case: {k: v.numpy() for k, v in found.items()} for case, found in cases.items()},
            [tensor.numpy() for tensor in truth],
        )
        entry = describe(
            model,
            VARIANT,
            weights,
            options,
            path,
            graph,
            traced.stock,
            traced.parameters,
            error,
        )
        yield StageFile(
            **vars(entry) | {"recipe": make_recipe(model, VARIANT, weights, options, name)},
            stage=name,
            halo_frames=measure_halo(stage, FRAME_SAMPLES),
        )
