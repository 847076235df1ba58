"""The canonical form: what an architecture computes, whichever way it was described.

Two descriptions are twins when their outputs are the same expression of the input: sums are
flattened through skips and their order is forgotten, `none` and what hangs on it vanish, and so
does whatever the output does not reach. Expressions are compared unfolded, so that an operation
used twice equals two operations of the same kind; NAS-Bench-201's 15,625 cells have 4,930 forms.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from types import FunctionType
from typing import Any, NamedTuple, cast

from ._graph import Graph, Operation
from ._walk import Outline

__all__ = ["canonical_form", "digest"]

Terms = tuple[str, ...]
"""Digests of what is summed up, sorted; empty for nothing at all."""


def digest(value: object) -> str:
    """Return a short stable hash of a value's canonical JSON.

    Args:
        value: Anything made of dicts, lists, texts and numbers.

    Returns:
        16 hexadecimal digits.
    """
    return blake2b(_ENCODER.encode(value).encode(), digest_size=8).hexdigest()


def _as_json(value: object) -> object:
    if isinstance(value, Operation):
        return [value.name, value.config]
    if isinstance(value, Mapping):
        return dict(cast(Mapping[str, object], value))
    if isinstance(value, type | FunctionType):  # their addresses say nothing
        return f"{value.__module__}:{value.__qualname__}"
    if hasattr(value, "get_config"):  # as Keras's initializers and regularizers have it
        return [type(value).__qualname__, cast(Any, value).get_config()]
    return repr(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_as_json)


def canonical_form(outline: Outline) -> str:
    """Return the digest of what the architecture computes."""
    panels = {name: _result(graph, {}) for name, graph in outline.panels.items()}
    return digest(_result(outline.graph, panels))


class Flow(NamedTuple):
    """What flows out of a vertex.

    Attributes:
        terms: What is summed up there.
        channels: Number of channels where the settings tell it.
    """

    terms: Terms
    channels: int | None = None


def _result(graph: Graph, panels: Mapping[str, Terms]) -> Terms:
    known: list[Flow] = []
    inputs = {position: number for number, position in enumerate(graph.inputs)}
    live = graph.live()
    for position, vertex in enumerate(graph.vertices):
        if position not in live:
            known.append(Flow(()))
        elif position in inputs:
            known.append(Flow((f"input {inputs[position]}",)))
        else:
            known.append(_flow(vertex.operation, [known[k] for k in vertex.inputs], panels))
    return known[graph.output].terms


def _flow(operation: Operation, sources: list[Flow], panels: Mapping[str, Terms]) -> Flow:
    there = [source for source in sources if source.terms]
    if operation.name == "zero" or not there:
        return Flow(())
    if operation.name == "add":
        return _sum(there)
    if _is_identity(operation):
        return there[0]
    inputs = [source.terms for source in sources]
    if operation.name == "stack":
        return Flow((digest([operation, panels, inputs]),))
    return Flow((digest([operation, inputs]),), _channels(operation, there))


def _sum(sources: list[Flow]) -> Flow:
    """Forget the order; where channels differ, the last source says to what all are brought."""
    terms = [term for source in sources for term in source.terms]
    channels = sources[-1].channels
    if len({source.channels for source in sources} - {None}) > 1:
        terms.append(f"{channels} channels")
    return Flow(tuple(sorted(terms)), channels)


def _channels(operation: Operation, sources: list[Flow]) -> int | None:
    if operation.name == "concatenate":
        parts = [source.channels for source in sources]
        return None if None in parts else sum(part or 0 for part in parts)
    said = operation.config.get("filters", operation.config.get("units"))
    return said if isinstance(said, int) else sources[0].channels


def _is_identity(operation: Operation) -> bool:
    match operation.name:
        case "Identity":
            return True
        case "Activation":
            return operation.config.get("activation") in (None, "linear")
        case "Dropout" | "SpatialDropout1D" | "SpatialDropout2D" | "SpatialDropout3D":
            return operation.config.get("rate") == 0
        case _:
            return False
