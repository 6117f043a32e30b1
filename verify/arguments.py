"""Kinds of arguments that several of verify's commands take."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any


def above_zero(text: str) -> float:
    """A finite number above 0."""
    with suppress(ValueError):
        if 0 < (number := float(text)) < math.inf:
            return number
    raise argparse.ArgumentTypeError(f"a number above 0 is needed, not {text}")


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    with suppress(ValueError):
        if (number := int(text)) >= 1:
            return number
    raise argparse.ArgumentTypeError(f"a whole number from 1 is needed, not {text}")


class Names(argparse.Action):
    """Names with commas or one by one: ``--models a,b`` or ``--models a b``."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Split and store."""
        words = ",".join(map(str, values or ())).split(",")
        setattr(namespace, self.dest, [word.strip() for word in words if word.strip()])


class Numbers(Names):
    """Numbers above 0, likewise: ``--minutes 1,5``."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Split, read and store."""
        super().__call__(parser, namespace, values, option_string)
        try:
            numbers = [above_zero(word) for word in getattr(namespace, self.dest)]
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(self, str(error)) from None
        setattr(namespace, self.dest, numbers)
