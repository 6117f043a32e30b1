"""Module → ONNX graph, with a dynamic length and without hidden optimisation.

torch.onnx.export(dynamo=True) optimises by default, and its rewriter deletes every sum with a
constant of magnitude up to 1e-8, and every product with one within 1e-5 of 1, as a no-op
(onnxscript 0.7.2: ``x + 0`` and ``x · 1`` are matched with tolerances). That is how an epsilon of
1e-8 once vanished. So optimisation is off here; ``simplify`` does the rest in the open.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx
import torch
from torch import fx, nn
from torch.export import Dim, ExportedProgram
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.graph.constants import LIMITS, Constant, Role
from export.graph.exporter import quiet, write_program
from export.graph.functions import write_functions
from export.layers.function import DOMAIN
from export.layers.rewrite import Form, rewrite

OPSET = 18
"""The oldest that the exporter writes; onnxruntime-web 1.18.0 reads up to 21."""
Shapes = Mapping[str, tuple[int | str, ...]]
"""By input; a string is a dynamic dimension."""
WAVEFORM: Shapes = {"audio": (1, 1, "samples")}
EXAMPLE_SIZES = {"samples": 30_000, "frames": 60}
PROBE_SIZES = {"samples": 4 * 512, "frames": 4}


@dataclass(frozen=True)
class Traced:
    """A network as a graph."""

    graph: onnx.ModelProto
    stock: tuple[Constant, ...]
    """The constants of the traced program."""
    parameters: int
    """Trainable parameters that the outputs depend on."""


def trace(
    network: nn.Module,
    outputs: tuple[str, ...],
    *,
    inputs: Shapes = WAVEFORM,
    form: Form = "trained",
    opset: int = OPSET,
    optimize: bool = False,
) -> Traced:
    """Write a deployed network, or a stage of one, as ONNX: ``inputs`` → ``outputs`` (…, frames).

    Batch normalisations are folded into their convolutions first. The graph is raw: see
    ``simplify``. Node names say where in the network a node comes from. ``form`` says how layers
    are computed, see ``layers.rewrite``. ``optimize`` lets the exporter drop constants, for the
    tests, which show that this is noticed.
    """
    folded = rewrite(fold_batch_norms(network), form)
    dynamic = tuple(
        {axis: Dim(size, min=1) for axis, size in enumerate(shape) if isinstance(size, str)}
        for shape in inputs.values()
    )
    example = make_example(inputs, EXAMPLE_SIZES)
    graph, program = write_program(
        folded, example, list(inputs), outputs, dynamic, opset, optimize=optimize
    )
    _name_nodes(graph)
    called = {node.op_type for node in graph.graph.node if node.domain == DOMAIN}
    graph.functions.extend(write_functions(folded, called, opset))
    return Traced(
        graph,
        tuple(take_stock(program)),
        count_parameters(network, inputs),
    )


def list_constants(network: nn.Module, inputs: Shapes) -> tuple[Constant, ...]:
    """The stock of a network's constants, batch normalisations folded, without writing a graph."""
    with quiet():
        example = make_example(inputs, EXAMPLE_SIZES)
        return tuple(take_stock(torch.export.export(fold_batch_norms(network), example)))


class Affine(nn.Module):
    """A trained batch normalisation as a scale and a shift per channel."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        shift = norm.bias.double() - norm.running_mean.double() * scale
        self.scale = nn.Parameter(scale.float()[:, None, None])
        self.shift = nn.Parameter(shift.float()[:, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, F) → the same shape."""
        return x * self.scale + self.shift


def fold_batch_norms(network: nn.Module) -> nn.Module:
    """A copy without batch normalisations: each is part of the convolution that it follows.

    One that follows no convolution becomes a scale and a shift. Computed in float64, rounded once.
    """
    folded = copy.deepcopy(network).eval()
    for parent in folded.modules():
        previous: nn.Module | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d) and isinstance(previous, nn.Conv2d):
                fused = fuse_conv_bn_eval(previous.double(), child.double()).float()
                previous.weight, previous.bias = fused.weight, fused.bias
                previous.float()
                setattr(parent, name, nn.Identity())
            elif isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, Affine(child))
            previous = child
    return folded


def make_example(shapes: Shapes, sizes: Mapping[str, int]) -> tuple[torch.Tensor, ...]:
    """Ones in each shape, the dynamic dimensions of these sizes."""
    return tuple(
        torch.ones([sizes[size] if isinstance(size, str) else size for size in shape])
        for shape in shapes.values()
    )


def count_parameters(network: nn.Module, inputs: Shapes = WAVEFORM) -> int:
    """Number of trainable values that the outputs depend on: those that a gradient reaches."""
    probe = copy.deepcopy(network).eval()
    probe.requires_grad_(True)
    with torch.enable_grad():
        total = sum(output.sum() for output in probe(*make_example(inputs, PROBE_SIZES)))
        assert isinstance(total, torch.Tensor)
        if not total.requires_grad:
            return 0
        total.backward()  # type: ignore[no-untyped-call]  # torch's own
    return sum(p.numel() for p in probe.parameters() if p.grad is not None)


_ROLES: dict[str, Role] = {
    "add": "add",
    "sub": "add",
    "rsub": "add",
    "mul": "scale",
    "div": "scale",
    "gt": "compare",
    "ge": "compare",
    "lt": "compare",
    "le": "compare",
    "maximum": "floor",
    "minimum": "ceiling",
}
"""Role of a number by operator of aten; clamp and the normalisations are handled separately."""


def take_stock(program: ExportedProgram) -> Iterator[Constant]:
    """Every number that enters the program's arithmetic, including trained scalars."""
    for constant in _read_program(program):
        if (constant.role, constant.value) not in (("add", 0.0), ("scale", 1.0)):
            yield constant  # the two that change nothing may go


def _read_program(program: ExportedProgram) -> Iterator[Constant]:
    names = program.graph_signature.inputs_to_parameters | program.graph_signature.inputs_to_buffers
    scalars = {
        name: program.state_dict[target].item()
        for name, target in names.items()
        if target in program.state_dict and program.state_dict[target].numel() == 1
    }
    for node in program.graph.nodes:
        if node.op != "call_function" or not _is_float(node):
            continue
        operator = str(node.target).removeprefix("aten.").partition(".")[0].rstrip("_")
        layer = _layer_of(node)
        numbers = [_read_number(argument, scalars) for argument in node.args]
        if operator == "clamp":
            for role, value in zip(LIMITS, numbers[1:], strict=False):
                if value is not None:
                    yield Constant(role, value, layer)
        elif "norm" in operator:
            *_, epsilon = (n for n in numbers if n is not None)  # the last, after any momentum
            yield Constant("epsilon", epsilon, layer)
        elif operator in _ROLES:
            for index, value in enumerate(numbers):
                if value is None:
                    continue
                if operator == "sub" and index == 1:
                    value = -value
                if operator == "div" and index == 1:
                    value = 1 / value
                yield Constant(_ROLES[operator], value, layer)


def _is_float(node: fx.Node) -> bool:
    value = node.meta.get("val")
    first = value[0] if isinstance(value, (tuple, list)) else value
    return isinstance(first, torch.Tensor) and (
        first.dtype.is_floating_point or first.dtype == torch.bool
    )


def _read_number(argument: object, scalars: dict[str, float]) -> float | None:
    if isinstance(argument, fx.Node):
        return scalars.get(argument.name)
    return argument if isinstance(argument, float) else None


def _layer_of(node: fx.Node) -> str:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = str(stack[-1][0]) if stack else ""
    return path.removeprefix("network.").removeprefix("network")


def _name_nodes(graph: onnx.ModelProto) -> None:
    """Name each node after its layer and operation in the network: ``encoder.emb.0/sqrt_2``."""
    seen: Counter[str] = Counter()
    for node in graph.graph.node:
        metadata = {entry.key: entry.value for entry in node.metadata_props}
        scopes = ast.literal_eval(metadata.get("pkg.torch.onnx.name_scopes", "[]")) or [""]
        layer = scopes[-2] if len(scopes) > 1 and not scopes[-2].startswith("_") else ""
        layer = layer.removeprefix("network.").removeprefix("network")
        name = f"{layer}/{scopes[-1] or node.op_type}"
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}.{seen[name]}"
