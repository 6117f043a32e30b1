"""An .onnx file that anyone may have written: what it takes and gives, and where its weights lie.

Nothing outside the file's folder is read, whatever the file says; and what is too large for this
machine is refused before it is read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import onnx

MOST_BYTES = 2**31
"""Of an .onnx file: protobuf has no larger messages; larger models hold their weights outside."""
_PIECE = 2**24


class ModelFileError(ValueError):
    """A file is no model, or one that must not be read; the message names it and says why."""


@dataclass(frozen=True)
class Port:
    """An input or output of a model."""

    name: str
    kind: Literal["tensor", "sequence", "optional", "other"]
    dtype: str
    """Of the tensor that a runtime takes or gives: numpy's name, or ``string``."""
    stored: str
    """The type in the file, as ONNX calls it, e.g. ``BFLOAT16``."""
    shape: tuple[int | str, ...] | None
    """A string is a symbolic dimension, ``?`` one without a name; None if the file does not say."""


@dataclass(frozen=True)
class External:
    """A file of weights beside a model."""

    location: str
    """As the model calls it."""
    path: Path


@dataclass(frozen=True)
class OnnxFile:
    """A model that was read, and found to keep within its folder."""

    path: Path
    content: bytes
    model: onnx.ModelProto
    """Without the weights that lie outside."""
    external: tuple[External, ...]

    @cached_property
    def inputs(self) -> tuple[Port, ...]:
        """What must be given: constants may be inputs too, and are left out."""
        graph = self.model.graph
        constants = {tensor.name for tensor in graph.initializer}
        return tuple(_port(value) for value in graph.input if value.name not in constants)

    @cached_property
    def outputs(self) -> tuple[Port, ...]:
        """In the file's order."""
        return tuple(map(_port, self.model.graph.output))

    @cached_property
    def sha256(self) -> str:
        """Of the file; with weights outside, of the file and these, with their names."""
        if not self.external:
            return hashlib.sha256(self.content).hexdigest()
        digest = hashlib.sha256(self.content)
        for part in self.external:
            digest.update(repr((part.location, part.path.stat().st_size)).encode())
            with part.path.open("rb") as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
        return digest.hexdigest()

    def load(self) -> onnx.ModelProto:
        """The whole model, a copy, weights included."""
        import onnx

        whole = onnx.ModelProto()
        whole.CopyFrom(self.model)
        if self.external:
            onnx.load_external_data_for_model(whole, str(self.path.parent))
        return whole


def read_onnx(path: Path) -> OnnxFile:
    """Read a model; ModelFileError if it is none, or names weights that it must not have."""
    import onnx
    from google.protobuf.message import DecodeError

    if not path.is_file():
        raise ModelFileError(f"{path} does not exist, or is no file")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ModelFileError(f"{path} has {size:,} bytes: an .onnx file ends at {MOST_BYTES:,}")
    content = path.read_bytes()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, RecursionError):
        raise ModelFileError(
            f"{path} is not an ONNX model: it is something else, cut off, or nested too deep"
        ) from None
    if not model.graph.node and not model.graph.output:
        raise ModelFileError(f"{path} is not an ONNX model: it has no graph")
    for port in (*model.graph.input, *model.graph.output):
        if not port.name.isprintable() or not port.name:
            raise ModelFileError(f"{path} calls an input or output {port.name!r}: not a name")
    return OnnxFile(path, content, model, tuple(_find_external(path, model)))


WIDE = {
    **dict.fromkeys(
        ["BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ",
         "FLOAT8E8M0", "FLOAT4E2M1"], "float32",
    ),
    **dict.fromkeys(["INT4", "UINT4", "INT2", "UINT2"], "int32"),
}  # fmt: skip
"""ONNX's types that neither numpy nor a browser has → the type that holds all their values."""


def _port(value: onnx.ValueInfoProto) -> Port:
    import onnx

    described, kind = value.type, "tensor"
    if described.HasField("optional_type"):
        described, kind = described.optional_type.elem_type, "optional"
    if described.HasField("sequence_type"):
        described, kind = described.sequence_type.elem_type, "sequence"
    if not described.HasField("tensor_type"):
        return Port(value.name, "other", "", described.WhichOneof("value") or "nothing", None)
    tensor = described.tensor_type
    try:
        stored = onnx.TensorProto.DataType.Name(tensor.elem_type)
    except ValueError:
        stored = f"type {tensor.elem_type}"
    dtype = WIDE.get(stored) or {"STRING": "string"}.get(stored) or _numpy_name(tensor.elem_type)
    shape = None
    if tensor.HasField("shape"):
        shape = tuple(
            one.dim_value if one.HasField("dim_value") else one.dim_param or "?"
            for one in tensor.shape.dim
        )
    return Port(value.name, kind, dtype, stored, shape)  # type: ignore[arg-type]  # one of the four


def _numpy_name(element: int) -> str:
    import onnx

    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(element).name)
    except KeyError:
        return ""


def _find_external(path: Path, model: onnx.ModelProto) -> Iterator[External]:
    """Each file of weights once, in the order of their names; ModelFileError for a bad one."""
    found: dict[str, Path] = {}
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    total = 0
    for tensor in _tensors(model):
        if tensor.data_location != tensor.EXTERNAL:
            continue
        stated = {entry.key: entry.value for entry in tensor.external_data}
        location = stated.get("location", "")
        who = f"{path}: the weights {tensor.name!r}"
        if location not in found:
            found[location] = _confine(path.parent, location, who)
            total += found[location].stat().st_size
        ends = _number(stated, "offset", who) + _number(stated, "length", who)
        size = found[location].stat().st_size
        if ends > size:
            raise ModelFileError(
                f"{who} should lie in {location} up to byte {ends:,}, but it has {size:,}"
            )
        if total > memory:
            raise ModelFileError(
                f"{who} and others take {total:,} bytes, over this machine's memory"
            )
    yield from (External(location, found[location]) for location in sorted(found))


def _confine(folder: Path, location: str, who: str) -> Path:
    """The file at a location below a folder, reached through no link."""
    parts = PurePosixPath(location).parts
    if (
        not location.isprintable()
        or not parts
        or ".." in re.split(r"[/\\]", location)
        or PurePosixPath(location).is_absolute()
        or PureWindowsPath(location).anchor
    ):
        raise ModelFileError(f"{who} lie at {location[:200]!r}, which leads out of its folder")
    here = folder
    try:
        for part in parts:
            here /= part
            if here.is_symlink():
                raise ModelFileError(f"{who} lie at {location!r}, which is a link")
        if here.is_file():
            return here
    except OSError:  # a name too long for any file
        pass
    raise ModelFileError(f"{who} lie at {location[:200]!r}, where there is no file")


def _number(stated: dict[str, str], key: str, who: str) -> int:
    text = stated.get(key, "0")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ModelFileError(f"{who} have {key} {text[:40]!r}, expected a number of bytes")
    return int(text)


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that a model stores, in its graphs, its nodes and its functions."""
    yield from _tensors_of(model.graph)
    for function in model.functions:
        yield from _tensors_in(function.node)
        for attribute in function.attribute_proto:
            yield from _tensors_at(attribute)
    for step in model.training_info:
        yield from _tensors_of(step.initialization)
        yield from _tensors_of(step.algorithm)


def _tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _tensors_in(graph.node)


def _tensors_in(nodes: Sequence[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            yield from _tensors_at(attribute)


def _tensors_at(attribute: onnx.AttributeProto) -> Iterator[onnx.TensorProto]:
    yield from (attribute.t, *attribute.tensors)
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        yield from (sparse.values, sparse.indices)
    for graph in (attribute.g, *attribute.graphs):
        yield from _tensors_of(graph)
