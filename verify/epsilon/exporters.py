"""Exporters and simplifiers, each applied to a network with small constants."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import onnx


def list_exports(
    added: bool, constants: Sequence[str]
) -> Iterator[tuple[str, Callable[[], onnx.ModelProto]]]:
    """Each exporter by name, for log(x * x + c), or x * k: outputs c0, c1 and so on.

    The input is ``audio``, (1, 1, N). An exporter that cannot do it raises when called.
    """
    import torch
    from torch import nn

    from export.graph.exporter import keep_operators
    from export.graph.simplify import simplify
    from export.graph.trace import trace

    class Constants(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.ones(1))  # a network has something to train

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            x = x * self.gain
            numbers = [float(constant) for constant in constants]
            return tuple(torch.log(x * x + c) if added else x * c for c in numbers)

    names = tuple(f"c{i}" for i in range(len(constants)))

    def written(**options: Any) -> onnx.ModelProto:  # noqa: ANN401  # the exporter's own
        stream = io.BytesIO()
        example = (torch.ones(1, 1, 4),)
        with _quiet(), keep_operators():
            program = torch.onnx.export(
                Constants().eval(),
                example,
                None if options["dynamo"] else stream,  # type: ignore[arg-type]  # it takes streams
                input_names=["audio"],
                output_names=list(names),
                **options,
            )
        return program.model_proto if program else onnx.load_from_string(stream.getvalue())

    @functools.cache
    def plain() -> onnx.ModelProto:
        return written(dynamo=True, optimize=False, verbose=False)

    def simplified() -> onnx.ModelProto:
        import onnxsim

        graph: onnx.ModelProto = onnxsim.simplify(plain())[0]
        return graph

    torch_version, script_version = version("torch").partition("+")[0], version("onnxscript")
    yield (
        f"torch {torch_version} dynamo, optimize=True (onnxscript {script_version})",
        lambda: written(dynamo=True, optimize=True, verbose=False),
    )
    yield f"torch {torch_version} dynamo, optimize=False", plain
    yield f"torch {torch_version} TorchScript", lambda: written(dynamo=False)
    yield f"then onnxsim {version('onnxsim')}", simplified
    yield "this project's export", lambda: simplify(trace(Constants().eval(), names).graph)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporters' warnings: the table shows what they do."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
