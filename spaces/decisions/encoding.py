"""Encoding of architectures as vectors, for surrogate models."""

from collections.abc import Mapping, Sequence

import numpy
from numpy.typing import NDArray

from .decisions import Decision
from .domains import Domain, Label

__all__ = ["Encoding"]


class Encoding:
    """Encodes choices as numbers from 0 to 1.

    A categorical decision has one entry for each option, a number has one scaled entry. A number
    that is not always active has another entry before it: 1 if it is active. Entries of inactive
    decisions are 0.

    Args:
        decisions: The decisions in order.

    Attributes:
        names: The name of each entry, such as "op=conv3".
    """

    def __init__(self, decisions: Sequence[Decision]) -> None:
        names: list[str] = []
        self._options: dict[str, dict[Label, int]] = {}  # the entry of each option
        self._numbers: dict[str, tuple[int, Domain]] = {}  # the entry of each number
        self._flags: dict[str, int] = {}
        for decision in decisions:
            if decision.domain.width == 1 and () not in decision.conditions:
                self._flags[decision.name] = len(names)
                names.append(f"{decision.name} is active")
            if decision.domain.width > 1:
                labels = decision.domain.values()
                self._options[decision.name] = {v: len(names) + k for k, v in enumerate(labels)}
                names.extend(f"{decision.name}={label}" for label in labels)
            else:
                self._numbers[decision.name] = len(names), decision.domain
                names.append(decision.name)
        self.names = tuple(names)

    def __call__(self, choices: Mapping[str, Label]) -> NDArray[numpy.float64]:
        """Encode choices.

        Args:
            choices: The value of each active decision; unknown names are ignored.

        Returns:
            A vector, shape (number of names,).
        """
        parts = [0.0] * len(self.names)
        for name, entries in self._options.items():
            if name in choices:
                parts[entries[choices[name]]] = 1.0
        for name, (entry, domain) in self._numbers.items():
            if name in choices:
                parts[entry] = domain.encode(choices[name])[0]
        for name, entry in self._flags.items():
            parts[entry] = float(name in choices)
        return numpy.array(parts)
