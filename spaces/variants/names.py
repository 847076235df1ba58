"""Names of layers: those that a model's author gave, by the paths of the space."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ..errors import SpaceError
from ..graph.graph import Graph
from .parts import Branches, Part, Wired

__all__ = ["given_name", "names_by_path"]

_STRUCTURE = re.compile(r"\d+(-|$)")  # how the names of layers without a given name begin


def given_name(name: str, one: Any) -> str | None:
    """Return the name of a layer, or None if Keras made it: such names differ between processes.

    Args:
        name: The name.
        one: The layer or operator.
    """
    kinds = {type(one).__name__, *(cls.__name__ for cls in type(one).__mro__)}
    automatic = "|".join(re.escape(_snake_case(kind)) for kind in kinds)
    if re.fullmatch(rf"({automatic})(_\d+)?", name) or _STRUCTURE.match(name):
        return None
    return name


def _snake_case(name: str) -> str:
    """Return the name that Keras gives to the first layer of a class."""
    plain = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", plain).lower()


def names_by_path(
    graph: Graph, parts: Sequence[Part], names: Mapping[int, str], layers: Mapping[str, Any]
) -> dict[str, str]:
    """Return the names that the author gave, by the paths of the layers.

    Args:
        graph: The graph of the model itself, as the space describes it.
        parts: The parts of the model.
        names: The names of the layers, by the ids of layers and merges.
        layers: The layers by name.

    Raises:
        SpaceError: The graph has other layers than the model.
    """
    vertices = [v for v in graph.vertices if v.operation.name not in ("input", "outputs")]
    ordered = [names[key] for key in _in_order(parts)]
    if len(vertices) != len(ordered):
        raise SpaceError(
            f"the model has {len(ordered)} layers, but rebuilt it has {len(vertices)}: describe "
            "the space with Network and layer(...) instead"
        )
    found = {
        vertex.path: given_name(name, layers[name])
        for vertex, name in zip(vertices, ordered, strict=True)
    }
    return {path: name for path, name in found.items() if name is not None}


def _in_order(parts: Sequence[Part]) -> Iterator[int]:
    """Return the ids of layers and merges in the order in which a space adds them."""
    for part in parts:
        if isinstance(part, Branches):
            yield from chain.from_iterable(map(_in_order, part.branches))
            yield id(part)
        elif isinstance(part, Wired):
            for wire in part.wires:
                if wire.merge is not None:
                    yield id(wire)
                yield from _in_order(wire.parts)
        else:
            yield id(part)
