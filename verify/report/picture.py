"""Pictures of an output, its reference and their difference."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from verify.compare import Array, Deviation

Plane = npt.NDArray[np.float64]

WIDEST = 480
"""Columns of a picture; a longer output is cut to the part around its largest error."""
SHADES = 256
"""Colours of a picture: a byte each."""

_LEVEL = ((13, 17, 38), (42, 54, 116), (62, 118, 158), (112, 186, 160), (238, 234, 170))
"""Dark to light, evenly spaced: silence is dark."""
_ERROR = ((13, 17, 38), (94, 36, 84), (186, 58, 78), (242, 140, 82), (255, 236, 196))


@dataclass(frozen=True)
class Exhibit:
    """Three pictures and two profiles of one output, as text for HTML."""

    output: str
    fault: str
    caption: str
    reference: str
    """PNG as a data URL; rows run upwards, columns are frames."""
    candidate: str
    difference: str
    """|candidate - reference|, divided by its largest."""
    by_frame: str
    """SVG path in a box of 100 x 20: the largest error in each column."""
    by_row: str
    """The same for each row."""
    peak: str
    """Largest error, as printed."""


def exhibit(deviation: Deviation, candidate: Array, reference: Array) -> Exhibit | None:
    """Draw an output; None if the shapes differ or there is nothing to draw."""
    if candidate.shape != reference.shape or candidate.size == 0 or candidate.dtype.kind == "U":
        return None
    # float64 and finite for drawing: an element that is not finite gets the largest error.
    got, truth = (np.atleast_1d(one.real.astype(np.float64)) for one in (candidate, reference))
    with np.errstate(invalid="ignore"):
        error = np.abs(got - truth)
    bad = ~np.isfinite(error)
    peak = float(error[~bad].max()) if not bad.all() else 0.0
    error[bad] = max(2 * peak, 1.0)
    worst = np.unravel_index(int(error.argmax()), error.shape)

    planes = [_plane(array, worst) for array in (truth, got, error)]
    window = _window(planes[0].shape[1], int(worst[-1]) if worst else 0)
    truth_plane, got_plane, error_plane = (plane[:, window] for plane in planes)
    level = max(float(np.nanmax(np.abs(truth_plane), initial=0.0)), 1e-30)
    largest = max(float(error_plane.max()), 1e-30)
    shape = " x ".join(str(size) for size in candidate.shape)
    shown = f"columns {window.start} to {window.stop - 1} of {planes[0].shape[1]}"
    if worst[:-2]:
        shown = f"[{', '.join(str(int(i)) for i in worst[:-2])}], {shown}"
    return Exhibit(
        deviation.output,
        deviation.fault or "",
        f"{shape}; shown: {shown}",
        _png(np.nan_to_num(truth_plane) / level, _LEVEL),
        _png(np.nan_to_num(got_plane) / level, _LEVEL),
        _png(error_plane / largest, _ERROR),
        _profile(error_plane.max(axis=0)),
        _profile(error_plane.max(axis=1)),
        f"{peak:.2g}" + (f", {int(bad.sum())} not finite" if bad.any() else ""),
    )


def _plane(array: Plane, worst: Sequence[int | np.intp]) -> Plane:
    """Cut the last two axes at the worst place of the others."""
    if array.ndim < 2:
        return array.reshape(1, -1)
    plane: Plane = array[tuple(worst[:-2])]
    return plane


def _window(columns: int, middle: int) -> slice:
    start = min(max(middle - WIDEST // 2, 0), max(columns - WIDEST, 0))
    return slice(start, min(start + WIDEST, columns))


def _png(values: Plane, ramp: Sequence[tuple[int, int, int]]) -> str:
    shades, anchors = np.linspace(0, len(ramp) - 1, SHADES), np.arange(len(ramp))
    channels = [np.interp(shades, anchors, [color[c] for color in ramp]) for c in range(3)]
    levels = (np.clip(np.abs(values), 0, 1) * (SHADES - 1)).round().astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(levels[::-1]))
    picture.putpalette(np.stack(channels, axis=-1).round().astype(np.uint8).tobytes())
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _profile(values: Plane) -> str:
    """Draw an area under steps, 100 wide and 20 high."""
    height = 20 * (1 - values / max(float(values.max()), 1e-30))
    width = 100 / len(values)
    steps = " ".join(f"V{y:.1f}H{(i + 1) * width:.2f}" for i, y in enumerate(height))
    return f"M0 20 {steps} V20Z"
