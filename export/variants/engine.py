"""A network's weights for the engine, which is WebAssembly (``web/engine``).

A file is a header and float32 numbers: kernels as the networks have them, batch normalisations
folded. Their order is declared once, in ``web/engine/weights.h``, from which the engine is compiled
and which is read here; the header has its fingerprint, and the engine refuses any other.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from export.catalog import Model
from export.describe import Source, make_recipe
from export.graph.constants import ROUNDING, Constant, ConstantLostError, Role
from export.layout import DECLARATION, EngineError, fingerprint, read_layout
from export.load.network import load_network
from export.load.sources import Weights
from export.manifest import EngineFile, ModuleFile, sha256_of
from export.options import Options

if TYPE_CHECKING:
    from torch import nn

    from export.layers.winograd import Transforms
    from export.nets.basicamt import BasicAMT, NoteBranch
    from export.nets.septimbre import Encoder, SepTimbre

ENGINE = Path(__file__).parents[2] / "web" / "engine"
MODULES = ("engine-relaxed.wasm", "engine.wasm")
"""The committed engine, the fastest module first."""
MAGIC = 0x544D4154
HEADER = struct.Struct("<4I")
"""MAGIC, the declaration's fingerprint, the number of floats that follow, their CRC-32."""

Values = Mapping[str, npt.ArrayLike]
"""By field."""

GUARDS: dict[str, Role] = {
    "log_epsilon": "add",
    "trunk.k": "scale",
    "trunk.b": "add",
    "first_epsilon": "add",
    "second_epsilon": "add",
    "cell_epsilon": "add",
    "centre_epsilon": "add",
    "shortest": "floor",
}
"""Fields of one number that are constants of a network's stock, with their role in it."""
NOTE_LAYERS = {
    "trunk.early": "early_conv.0.conv",
    "trunk.wide": "early_conv.1",
    "trunk.neck": "neck.conv",
    "frame": "conv_yn.0",
    "attack": "conv_yo1.conv",
    "onset": "conv_yo2.0",
}
"""Convolutions by the fields of their kernel and bias."""
ENCODER_LAYERS = {
    "trunk.early": "early_conv.0",
    "trunk.wide": "early_conv.3",
    "trunk.neck": "neck.1",
    "widen": "res1.1",
    "narrow": "res1.3",
    "embed": "emb.1",
}
ENCODER_NORMS = {"first": "early_conv.1", "second": "neck.0", "cell": "res1.0.layer_norm"}
NEARLY_ZERO = 1e-9
"""Largest tap of a half-band filter that counts as zero; the others are 1e-3 or more."""


def write_engine(network: nn.Module, path: Path) -> None:
    """Write the weights of a BasicAMT or SepTimbre, whose batch normalisations are not folded yet.

    Raises EngineError if its front end is not the engine's.
    """
    layout = read_layout(DECLARATION.read_text(encoding="utf-8"))
    floats = b"".join(
        pack_struct(name, layout[name], values) for name, values in collect(network).items()
    )
    header = HEADER.pack(MAGIC, fingerprint(layout), len(floats) // 4, zlib.crc32(floats))
    path.write_bytes(header + floats)


def pack_struct(name: str, fields: Mapping[str, int], values: Values) -> bytes:
    """A struct's bytes; EngineError names a field that is missing, surplus or of another size."""
    if wrong := fields.keys() ^ values.keys():
        raise EngineError(f"{name}: {', '.join(sorted(wrong))}: in weights.h or here, not in both")
    parts = []
    for field, size in fields.items():
        array = np.asarray(values[field], "<f4").ravel()
        if array.size != size:
            raise EngineError(f"{name}.{field} holds {size} numbers, there are {array.size}")
        parts.append(array.tobytes())
    return b"".join(parts)


def read_engine(path: Path) -> dict[str, dict[str, npt.NDArray[np.float32]]]:
    """A file's fields by struct, flat; EngineError if the engine would refuse it."""
    data = path.read_bytes()
    layout = read_layout(DECLARATION.read_text(encoding="utf-8"))
    if len(data) < HEADER.size or HEADER.unpack_from(data)[0] != MAGIC:
        raise EngineError(f"{path} holds no weights of the engine; run `make export` again")
    _, order, count, checksum = HEADER.unpack_from(data)
    floats = data[HEADER.size :]
    if order != fingerprint(layout):
        raise EngineError(f"{path} is of another version; run `make export` again")
    if len(floats) != 4 * count or zlib.crc32(floats) != checksum:
        raise EngineError(f"{path} is damaged; run `make export` again")
    numbers = np.frombuffer(floats, "<f4")
    found: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    at = 0
    for name in ("Common", "NoteWeights", "EncoderWeights"):
        if at < len(numbers):
            found[name] = {}
            for field, size in layout[name].items():
                found[name][field] = numbers[at : at + size]
                at += size
    if at != len(numbers):
        raise EngineError(f"{path} holds {len(numbers)} numbers, {at} are declared")
    return found


def follow_into_engine(stock: Iterable[Constant], path: Path) -> None:
    """Check that a file holds every constant of a network's stock, in the same role.

    Raises ConstantLostError, which names each missing constant and the nearest number.
    """
    stored: dict[Role, dict[str, float]] = {}
    for name, fields in read_engine(path).items():
        for field, numbers in fields.items():
            if field in GUARDS:
                stored.setdefault(GUARDS[field], {})[f"{name}.{field}"] = float(numbers[0])
    lost = []
    for needed in stock:
        distance = {
            f"{field} {np.float32(value)!s}": abs(value - needed.value)
            for field, value in stored.get(needed.role, {}).items()
        }
        nearest = min(distance, key=lambda name: distance[name], default="nothing")
        if distance.get(nearest, math.inf) > ROUNDING * abs(needed.value):
            lost.append(f"{needed}, nearest is {nearest}")
    if lost:
        raise ConstantLostError(f"{path.name}: dropped or changed: {'; '.join(lost)}")


def engine_name(model: Model) -> str:
    """A model's weights for the engine, e.g. ``basicamt_44100.engine``."""
    return f"{model.stem}.engine"


def engine_recipe(model: Model, weights: Weights, options: Options) -> str:
    """SHA-256 of the ingredients of a file, and of the engine that it is for."""
    modules = " ".join(sha256_of(ENGINE / name) for name in MODULES)
    return make_recipe(Source(model, "fp32", f"engine {modules}", weights, options))


def build_engine(model: Model, weights: Weights, options: Options, folder: Path) -> EngineFile:
    """Write a model's weights for the engine into ``folder``, and describe the file.

    Raises EngineError if the engine does not compute this network, and the errors of ``build``.
    """
    from export.graph.trace import list_constants
    from export.nets.stages import cut

    network = load_network(model, weights.path, options.epsilon).get_submodule("network")
    path = folder / engine_name(model)
    write_engine(network, path)
    stages = cut(network, model.stages).values()
    stock = [found for stage in stages for found in list_constants(stage, stage.inputs)]
    follow_into_engine(stock, path)
    return EngineFile(
        model=model.name,
        path=path.name,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        weights=weights.source,
        checkpoint_sha256=weights.sha256,
        epsilon=options.epsilon,
        recipe=engine_recipe(model, weights, options),
        guards=tuple(dict.fromkeys(map(str, stock))),
    )


def copy_modules(folder: Path) -> tuple[ModuleFile, ...]:
    """Copy the engine into a folder, beside the weights for it."""
    copied = []
    for name in MODULES:
        data = (ENGINE / name).read_bytes()
        (folder / name).write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        copied.append(ModuleFile(name, len(data), sha256, relaxed="relaxed" in name))
    return tuple(copied)


def collect(network: nn.Module) -> dict[str, Values]:
    """A network's values by struct: Common, NoteWeights and, of a SepTimbre, EncoderWeights."""
    from export.graph.trace import fold_batch_norms
    from export.nets.basicamt import BasicAMT
    from export.nets.septimbre import SepTimbre

    if not isinstance(network, BasicAMT | SepTimbre):
        raise EngineError(f"the engine holds basicamt and septimbre, no {type(network).__name__}")
    folded = fold_batch_norms(network)
    if isinstance(folded, SepTimbre):
        return {
            "Common": collect_common(folded),
            # Its harmonics are scaled after stacking, so that zeros outside become b.
            "NoteWeights": collect_notes(folded.note_branch, folded.note_branch.b.item()),
            "EncoderWeights": collect_encoder(folded.encoder),
        }
    assert isinstance(folded, BasicAMT)
    return {"Common": collect_common(folded), "NoteWeights": collect_notes(folded, 0.0)}


def collect_common(network: BasicAMT | SepTimbre) -> Values:
    """The common part of both branches: filter, epsilon, Winograd's transforms."""
    from export.layers.winograd import OUTPUTS, design_transforms

    if not network.cqt.is_designed():
        raise EngineError("the CQT's kernels are not those of their formula, which the engine uses")
    fir = network.cqt.filtfilt.fir.detach().numpy().ravel()
    middle = len(fir) // 2
    others = np.delete(fir[middle:], [0, *range(1, middle + 1, 2)])
    if len(fir) != 33 or (fir != fir[::-1]).any() or np.abs(others).max() > NEARLY_ZERO:
        raise EngineError("the halving filter is no symmetric half-band filter of 33 taps")
    values: dict[str, npt.ArrayLike] = {
        "half_band": [fir[middle], *fir[middle + 1 :: 2]],
        "log_epsilon": network.energy_norm.epsilon,
    }
    transforms = {f"winograd{taps}": design_transforms(OUTPUTS, taps) for taps in (5, 3)}
    transforms |= {f"time{taps}": design_transforms(4, taps) for taps in (5, 3)}
    for name, matrices in transforms.items():
        for part, array in factor_transforms(matrices).items():
            values[f"{name}_{part}"] = array
    return values


def factor_transforms(transforms: Transforms) -> dict[str, npt.NDArray[np.float64]]:
    """Winograd's transforms for n points as the numbers that the engine makes them of.

    ``inputs`` (n/2 - 1, n/2): a row of the matrix holds its point's polynomial, lowest power first.
    Of R(x^2), whose roots are all points but 0, the coefficients without the last, which is 1; then
    for each pair of points +p and -p those of R(x^2) / (x^2 - p^2), and p. ``outputs``: (m - 1,
    n/2 - 1), the powers of each p from the first on. ``kernel`` (n, r) makes up for the scales.
    """
    inputs, kernel, outputs, _ = (part.numpy() for part in transforms)
    n = len(inputs)
    leading = np.append(inputs[:-1, n - 2], inputs[-1, n - 1])[:, None]
    scale = np.append(outputs[0, :-1], outputs[-1, -1])
    polynomials, powers = inputs / leading, outputs / scale
    factors = [polynomials[0, 0 : n - 2 : 2]]
    for row in polynomials[1 : n - 1 : 2]:
        factors.append(np.append(row[2 : n - 2 : 2], row[n - 3]))
    return {
        "inputs": np.array(factors),
        "kernel": kernel * leading * scale[:, None],
        "outputs": powers[1:, 1 : n - 1 : 2],
    }


def collect_notes(branch: NoteBranch, outside: float) -> Values:
    """The note branch; ``outside`` is the value of its harmonics beyond the bins."""
    return collect_trunk(branch, NOTE_LAYERS, "early_conv.0.activation", outside)


def collect_encoder(encoder: Encoder) -> Values:
    """The timbre branch."""
    from torch import nn

    from export.nets.septimbre import SHORTEST, CentreNorm

    values = dict(collect_trunk(encoder, ENCODER_LAYERS, "early_conv.2", outside=encoder.b.item()))
    for name, layer in ENCODER_NORMS.items():
        norm = encoder.get_submodule(layer)
        assert isinstance(norm, nn.GroupNorm | nn.LayerNorm)
        values[f"{name}_scale"] = norm.weight.detach().numpy()
        values[f"{name}_shift"] = norm.bias.detach().numpy()
        values[f"{name}_epsilon"] = norm.eps
    centre = encoder.get_submodule("emb.0")
    assert isinstance(centre, CentreNorm)
    values["centre_scale"] = centre.k.detach().numpy()
    values["centre_epsilon"] = centre.epsilon
    values["neck_slope"] = encoder.get_parameter("neck.2.weight").detach().numpy()
    values["shortest"] = SHORTEST
    return values


def collect_trunk(
    branch: NoteBranch | Encoder, layers: Mapping[str, str], activation: str, outside: float
) -> Values:
    """A branch's convolutions by field, kernels (out, in, frequency, time), and its scalars."""
    from torch import nn

    leaky = branch.get_submodule(activation)
    assert isinstance(leaky, nn.LeakyReLU)
    values: dict[str, npt.ArrayLike] = {
        "trunk.k": branch.k.item(),
        "trunk.b": branch.b.item(),
        "trunk.outside": outside,
        "trunk.slope": leaky.negative_slope,
    }
    for name, layer in layers.items():
        for field, parameter in (("kernel", "weight"), ("bias", "bias")):
            tensor = branch.get_parameter(f"{layer}.{parameter}")
            values[f"{name}_{field}"] = tensor.detach().numpy()
    return values
