"""Architectures as vectors, for models of their quality."""

from collections.abc import Mapping, Sequence

import numpy
from numpy.typing import NDArray

from ._decisions import Decision
from ._domains import Label

__all__ = ["encode", "encoding_names"]


def _is_conditional(decision: Decision) -> bool:
    return () not in decision.conditions


def encode(decisions: Sequence[Decision], choices: Mapping[str, Label]) -> NDArray[numpy.float64]:
    """Encode choices as numbers from 0 to 1.

    A categorical decision gives one entry an option, a number gives one entry, scaled. A number
    that is not always active has an entry before it that says whether it is. What is inactive is
    zero.

    Args:
        decisions: The decisions in order.
        choices: The value of each active decision.

    Returns:
        A vector, shape (width of the space,).
    """
    parts: list[float] = []
    for decision in decisions:
        flagged = _is_conditional(decision) and decision.domain.width == 1
        if decision.name in choices:
            parts.extend([1.0] * flagged)
            parts.extend(decision.domain.encode(choices[decision.name]))
        else:
            parts.extend([0.0] * (flagged + decision.domain.width))
    return numpy.array(parts)


def encoding_names(decisions: Sequence[Decision]) -> tuple[str, ...]:
    """Name the entries of `encode`, as "op=conv3"."""
    names: list[str] = []
    for decision in decisions:
        if decision.domain.width > 1:
            names.extend(f"{decision.name}={label}" for label in decision.domain.values())
        else:
            names.extend([f"{decision.name} is active"] * _is_conditional(decision))
            names.append(decision.name)
    return tuple(names)
