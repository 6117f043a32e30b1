"""LSTM layers that keep their length dynamic on the way to ONNX.

torch.onnx.export(dynamo=True) freezes the length of nn.LSTM to the example's (torch 2.13.0). While
exporting, the layer is therefore written as the ONNX operator itself; otherwise it is nn.LSTM.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BiLSTM(nn.LSTM):
    """A bidirectional LSTM, batch first."""

    def __init__(self, size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__(size, hidden_size, num_layers, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # the states are not needed
        """(B, F, size) → (B, F, 2 · hidden): forward, then backward."""
        if not torch.onnx.is_in_onnx_export():
            y: Tensor = super().forward(x)[0]
            return y
        for layer in range(self.num_layers):
            x = self.write_layer(x, layer)
        return x

    def write_layer(self, x: Tensor, layer: int) -> Tensor:
        """One layer as ONNX's LSTM operator: (B, F, size) → (B, F, 2 · hidden)."""
        weight, recurrence, bias = (
            torch.stack([self.gather(name, layer, suffix) for suffix in ("", "_reverse")])
            for name in ("weight_ih", "weight_hh", "bias")
        )
        batch, frames, _ = x.shape
        output = torch.onnx.ops.symbolic(
            "LSTM",
            (x.transpose(0, 1), weight, recurrence, bias),
            {"hidden_size": self.hidden_size, "direction": "bidirectional"},
            dtype=x.dtype,
            shape=(frames, 2, batch, self.hidden_size),
            version=14,
        )
        return output.permute(2, 0, 1, 3).flatten(2)

    def gather(self, name: str, layer: int, suffix: str) -> Tensor:
        """A layer's parameter, gates in ONNX's order (input, output, forget, cell)."""
        if name == "bias":
            biases = [self.gather(kind, layer, suffix) for kind in ("bias_ih", "bias_hh")]
            return torch.cat(biases)
        gates = getattr(self, f"{name}_l{layer}{suffix}")  # input, forget, cell, output
        size = self.hidden_size
        return torch.cat([gates[:size], gates[3 * size :], gates[size : 3 * size]])
