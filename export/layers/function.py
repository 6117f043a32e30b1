"""A layer that a file stores as the call of a function.

An ONNX file can define operators of its own, each with a body of standard ones. A runtime inlines
every call before it optimises, so that it runs as if the body had been written out. The file is
smaller, since it stores a body once, and a reader sees the network's layers. ``graph.functions``
writes the bodies.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

DOMAIN = "tiny-amt"
"""Namespace of the functions."""
VERSION = 1


class Function(nn.Module):
    """A layer computed by ``compute`` from its input and its parameters, in that order.

    Its buffers are part of the body: layers of one ``title`` have equal ones. While exporting, the
    layer is one node.
    """

    title: str
    """The operator's name in the file."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """Compute the layer, or write its call."""
        parameters = tuple(self.parameters(recurse=False))
        if not torch.onnx.is_in_onnx_export():
            return self.compute(*inputs, *parameters)
        return torch.onnx.ops.symbolic(
            f"{DOMAIN}::{self.title}",
            (*inputs, *parameters),
            dtype=torch.float32,
            shape=self.measure(*inputs),
            version=VERSION,
        )

    def compute(self, *values: Tensor) -> Tensor:
        """Inputs and parameters → output."""
        raise NotImplementedError

    def measure(self, *inputs: Tensor) -> tuple[int, ...]:
        """Shape of the output; a dynamic length stays dynamic."""
        raise NotImplementedError

    def sample(self) -> tuple[Tensor, ...]:
        """The smallest valid inputs; the last axis of each may have any length."""
        raise NotImplementedError
