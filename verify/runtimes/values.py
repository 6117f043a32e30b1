"""What a model takes and gives, as tensors by name: sequences spread out, strings as numpy's own.

A sequence ``x`` of two tensors is ``x[]``, their number, and ``x[0]`` and ``x[1]``; an optional
``x`` that is absent is ``x[]`` of 0. So an empty sequence differs from a missing one, and the ruler
compares every element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from verify.compare import Array

COUNT = "[]"
Tensors = dict[str, Array]


def spread(name: str, value: Any) -> Tensors:  # noqa: ANN401  # as a runtime or a file has it
    """Tensors by name of a tensor, a list of tensors, or None; TypeError for anything else."""
    if value is None:
        return {name + COUNT: np.array(0)}
    if isinstance(value, list):
        elements = {f"{name}[{i}]": to_array(one) for i, one in enumerate(value)}
        return {name + COUNT: np.array(len(value)), **elements}
    return {name: to_array(value)}


def collect(tensors: Mapping[str, Array], name: str, kind: str) -> Any:  # noqa: ANN401  # as a runtime takes it
    """The value that ``spread`` made tensors of; KeyError if it is not among them."""
    if kind == "tensor" or name in tensors:
        return tensors[name]
    count = int(tensors[name + COUNT])
    if kind == "optional" and not count:
        return None
    return [tensors[f"{name}[{i}]"] for i in range(count)]


def to_array(value: Any) -> Array:  # noqa: ANN401  # as above
    """A tensor as numpy has it: strings as ``U``, of any length; TypeError for objects."""
    array = np.asarray(value)
    if array.dtype.kind == "S" or array.dtype == object:
        words = array.reshape(-1).tolist()
        if not all(isinstance(word, str | bytes) for word in words):
            raise TypeError(f"an array holds {type(words[0]).__name__}, neither numbers nor text")
        texts = [word.decode() if isinstance(word, bytes) else word for word in words]
        array = np.array(texts, str).reshape(array.shape)
    return array
