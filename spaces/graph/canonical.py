"""The canonical form: what an architecture computes, whichever way it was described.

Two descriptions are twins when their outputs are the same expression of the input: sums are
flattened through skips and their order is forgotten, `none` and what hangs on it vanish, and so
does whatever the output does not reach. Expressions are compared unfolded, so that an operation
used twice equals two operations of the same kind, though its weights are fewer; NAS-Bench-201's
15,625 cells have 4,930 forms.

Where a sum may have to bring its terms to one width (see `_fit.add`), its last term decides, and
so is part of the form. In a cell, what comes from outside has the width that holds there.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, cast

from ..hashing import digest
from .graph import Graph, Operation
from .walk import HierarchicalGraph

__all__ = ["SOMETIMES_IDENTITY", "canonical_form", "is_identity"]

Terms = tuple[str, ...]
"""Digests of what is summed up, sorted; empty for nothing at all."""


def canonical_form(outline: HierarchicalGraph) -> str:
    """Return the digest of what the architecture computes."""
    subgraphs = {name: _result(graph, {}) for name, graph in outline.subgraphs.items()}
    return digest(_result(outline.graph, subgraphs))


Width = int | str
"""Number of channels, or a text that is equal only for equal numbers."""


class Flow(NamedTuple):
    """What flows out of a vertex.

    Attributes:
        terms: What is summed up there.
        channels: How wide it is; zeros have a width, too.
    """

    terms: Terms
    channels: Width


def _result(graph: Graph, subgraphs: Mapping[str, Terms]) -> Terms:
    known: list[Flow] = []
    inputs = {position: number for number, position in enumerate(graph.inputs)}
    live = graph.live()
    for position, vertex in enumerate(graph.vertices):
        if position in inputs:
            name = f"input {inputs[position]}"
            known.append(Flow((name,), cast(Width, vertex.operation.config.get("channels", name))))
        elif position in live:
            known.append(_flow(vertex.operation, [known[k] for k in vertex.inputs], subgraphs))
        else:
            known.append(Flow((), 0))
    return known[graph.output].terms


def _flow(operation: Operation, sources: list[Flow], subgraphs: Mapping[str, Terms]) -> Flow:
    there = [source for source in sources if source.terms]
    if operation.name == "add":
        return _sum(there or sources[-1:])
    if operation.name == "concatenate":
        return _concatenation(sources)
    if operation.name == "zero" or is_identity(operation):
        return sources[0] if operation.name != "zero" else Flow((), sources[0].channels)
    inputs = [source.terms for source in sources]
    form = digest(
        [operation, subgraphs, inputs] if operation.name == "stack" else [operation, inputs]
    )
    return Flow((form,) if there else (), _channels(operation, sources[0], form))


def _sum(sources: list[Flow]) -> Flow:
    """Forget the order; where channels differ, the last source says to what all are brought."""
    terms = [term for source in sources for term in source.terms]
    channels = sources[-1].channels
    if len({source.channels for source in sources}) > 1:
        terms.append(f"{channels} channels")
    return Flow(tuple(sorted(terms)), channels)


def _concatenation(sources: list[Flow]) -> Flow:
    """Keep the order, and the zeros, whose width shifts what comes after them."""
    if len(sources) == 1:
        return sources[0]
    parts = [source.terms or f"{source.channels} zeros" for source in sources]
    form = digest(["concatenate", parts])
    widths = [source.channels for source in sources]
    channels = sum(w for w in widths if isinstance(w, int))
    known = all(isinstance(width, int) for width in widths)
    is_nothing = not any(source.terms for source in sources)
    return Flow(() if is_nothing else (form,), channels if known else digest(widths))


_KEEPING = re.compile(
    r"(Global)?(Max|Average|AdaptiveMax|AdaptiveAverage)Pooling[123]D|(ZeroPadding|Cropping|"
    r"UpSampling)[123]D|\w*Normalization|\w*Dropout([123]D)?|Gaussian\w+|Activation|\w*ReLU|"
    r"ELU|Softmax|Rescaling|Random\w+|DepthwiseConv[12]D"
)
"""Layers that give as many channels as they get."""


def _channels(operation: Operation, source: Flow, form: str) -> Width:
    for setting in ("filters", "units"):
        said = operation.config.get(setting)
        if isinstance(said, int):
            return said
    keeping = operation.config.get("depth_multiplier", 1) == 1 and operation.cls is None
    return source.channels if keeping and _KEEPING.fullmatch(operation.name) else form


SOMETIMES_IDENTITY = frozenset(
    {"Activation", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"}
)
"""Layers whose settings say whether they do anything."""


def is_identity(operation: Operation) -> bool:
    """Tell whether an operation gives what it gets."""
    match operation.name:
        case "Identity":
            return True
        case "Activation":
            return operation.config.get("activation") in (None, "linear")
        case "Dropout" | "SpatialDropout1D" | "SpatialDropout2D" | "SpatialDropout3D":
            return operation.config.get("rate") == 0
        case _:
            return False
