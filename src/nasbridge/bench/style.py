"""Colours and strokes of contenders, the same in every picture."""

from collections.abc import Sequence

from .summary import Line

__all__ = ["colors_of", "is_dashed"]

PALETTE = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7f8790",
    "#8c564b",
    "#9467bd",
    "#bcbd22",
    "#17becf",
    "#e377c2",
)
"""The colours of Okabe and Ito first, which the colour-blind can tell apart."""


def colors_of(labels: Sequence[str]) -> dict[str, str]:
    """Give each contender a colour."""
    return {label: PALETTE[k % len(PALETTE)] for k, label in enumerate(labels)}


def is_dashed(line: Line) -> bool:
    """Tell whether a line is dashed: those of other libraries are."""
    return not line.is_ours
