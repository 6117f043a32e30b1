"""Options for all models."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from export.manifest import Variant
from export.variants import FORMS

if TYPE_CHECKING:
    from export.layers.rewrite import Form


class Options(NamedTuple):
    """Options for all models, from the command line."""

    variants: tuple[Variant, ...]
    epsilon: float
    opset: int
    fast: bool = True
    """Whether layers are rewritten (``layers.rewrite``) or stay as they were trained."""

    def choose_form(self, variant: Variant) -> Form:
        """The form of a variant's layers (``layers.rewrite``)."""
        return FORMS[variant] if self.fast else "trained"
