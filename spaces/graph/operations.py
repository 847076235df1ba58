"""`layers_in`: the layers in all options of a space, without building any graph."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from ..decisions.domains import Categorical, Label
from .collector import DecisionCollector
from .graph import STRUCTURAL, Operation
from .visitor import OpenPoint, Ref, Refs, SpaceVisitor

__all__ = ["layers_in"]

T = TypeVar("T")

PASSES = 32  # options of one setting that are looked at


class Discoverable(Protocol):
    """A space."""

    def discover(self, visitor: SpaceVisitor) -> None: ...


def layers_in(space: Discoverable, part: str | None = None) -> Iterator[tuple[Operation, str]]:
    """Yield the layers of a space, each once, with their place in it.

    Each option of each setting occurs in one of them, as far as the first 32 options go; of a range
    the ends. Settings vary together and not in all combinations, so the cost is that of listing the
    decisions once for each option.

    Args:
        space: The space.
        part: The name of a network, if a `Space` of a mapping has several; None for all.

    Example:
        >>> from nasbridge.spaces import Choice, layer
        >>> space = layer("Dense", units=Choice([4, 8]), activation=Choice(["relu", "gelu", "elu"]))
        >>> for operation, place in layers_in(space):
        ...     print(operation.name, operation.config)
        Dense {'units': 4, 'activation': 'relu'}
        Dense {'units': 8, 'activation': 'gelu'}
        Dense {'units': 4, 'activation': 'elu'}
    """
    seen = set[tuple[str, str]]()
    number, options = 0, 1
    while number < min(options, PASSES):
        visitor = _LayerCollector(number, part)
        space.discover(visitor)
        options, number = visitor.options, number + 1
        for operation, place in visitor.layers:
            key = operation.name, repr(operation.config)
            if key not in seen:
                seen.add(key)
                yield operation, place


class _LayerCollector(DecisionCollector):
    """Collects the layers of one pass, in which each setting has the option of the pass's number.

    Args:
        number: The number of the pass; a setting with fewer options begins again.
        part: As for `layers_in`.
    """

    def __init__(self, number: int, part: str | None) -> None:
        super().__init__()
        self.layers: list[tuple[Operation, str]] = []
        self.options = 1  # of the setting with most
        self._number, self._part = number, part

    def decide(self, point: OpenPoint) -> Iterator[Label]:
        if isinstance(point.domain, Categorical):
            yield from super().decide(point)
            return
        values = point.domain.values(points=2)
        yield values[0]
        if len(values) > 1:
            yield values[-1]

    def vary(self, point: OpenPoint, follow: Callable[[Label], T]) -> T:
        results = [follow(label) for label in self.decide(point)]
        self.options = max(self.options, len(results))
        return results[self._number % len(results)]

    def choose(self, point: OpenPoint, follow: Callable[[Label], Refs]) -> Refs:
        return [follow(label) for label in self.decide(point)][-1]

    def emit(self, operation: Operation, inputs: object, key: str | int = "") -> Ref:
        is_inside = self._part is None or self._trail[:1] == (self._part,)
        if is_inside and operation.name not in STRUCTURAL:
            self.layers.append((operation, self.place))
        return 0
