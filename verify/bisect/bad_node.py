"""The description of a bad node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx

from verify.compare import Array


@dataclass(frozen=True)
class Range:
    """Shape and range of a tensor."""

    name: str
    shape: tuple[int, ...]
    smallest: float
    """Of the finite values; NaN if there are none."""
    largest: float
    nonfinite: int

    def __str__(self) -> str:
        """One line."""
        shape = "x".join(map(str, self.shape)) or "scalar"
        bad = f", {self.nonfinite} not finite" if self.nonfinite else ""
        return f"{self.name} {shape} in [{self.smallest:.4g}, {self.largest:.4g}]{bad}"


@dataclass(frozen=True, eq=False)
class Both:
    """A suspected file, a good one with the same tensor names, and the inputs of both."""

    model: onnx.ModelProto
    good: onnx.ModelProto
    inputs: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a bad node is, for whoever wants to cut it out."""

    both: Both
    node: onnx.NodeProto
    """Of the suspected file."""
    expected: Mapping[str, Array] = field(default_factory=dict)
    """What it should give, as far as a witness or a reference said so."""


@dataclass(frozen=True)
class BadNode:
    """A node that makes a bad output from good inputs."""

    node: str
    """Its name, or its first output where it has none."""
    operator: str
    position: int
    """In graph order, from 0."""
    fault: str
    inputs: tuple[Range, ...]
    output: Range | None
    """None if the runtime stops at this node."""
    reference: Range | None
    origin: str
    """Its module or weights in the network, as far as the file says."""
    inside: BadNode | None = None
    """The bad node inside a function, loop or branch; None if there is none or it was not found."""
    place: Place | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """Several lines, for people."""
        return f"node {self.position}, {self._describe()}"

    @property
    def innermost(self) -> BadNode:
        """The node that holds no other bad one."""
        return self.inside.innermost if self.inside else self

    def _describe(self) -> str:
        lines = [
            f"{self.operator} {self.node}: {self.fault}",
            *(f"  takes {value}" for value in self.inputs),
        ]
        if self.output:
            lines.append(f"  gives {self.output}")
        if self.reference:
            lines.append(f"  should give {self.reference}")
        lines.append(f"  from {self.origin}")
        if self.inside:
            lines.append(f"inside it, {self.inside._describe()}")
        return "\n".join(lines)
