"""What the user may choose for all models."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from export.manifest import Variant
from export.variants import FORMS

if TYPE_CHECKING:
    from export.layers.rewrite import Form


class Options(NamedTuple):
    """What the user may choose for all models."""

    variants: tuple[Variant, ...]
    epsilon: float
    opset: int
    fast: bool = True
    """Whether layers are rewritten (``layers.rewrite``); else they stay as they were trained."""

    def choose_form(self, variant: Variant) -> Form:
        """How a variant's layers are computed (``layers.rewrite``)."""
        return FORMS[variant] if self.fast else "trained"
