"""Colours and line styles of methods, the same in every chart."""

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
"""The colour-blind-safe colours of Okabe and Ito first."""


def colors_of(labels: Sequence[str]) -> dict[str, str]:
    """Return a colour for each method."""
    return {label: PALETTE[k % len(PALETTE)] for k, label in enumerate(labels)}


def is_dashed(line: Line) -> bool:
    """Return whether a line is dashed, as those of other libraries are."""
    return not line.is_strategy
