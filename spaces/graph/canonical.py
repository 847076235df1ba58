"""The canonical form: the function that an architecture computes, however it was described.

Two architectures are equivalent if their outputs are the same expression of the input. Sums are
flattened through skip connections and their order does not count; `none` is removed with everything
that depends on it alone, and so are operations that the output does not depend on. Expressions are
compared as trees: one operation used twice equals two operations of the same kind, although it has
fewer weights. The 15,625 cells of NAS-Bench-201 have 4,930 forms.

Where the terms of a sum may differ in width (see `planning.fit.add`), the last term determines the
width, and so is part of the form. The inputs of a cell have the width of the surrounding stack.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, cast

from ..hashing import digest
from .graph import Graph, HierarchicalGraph, Operation

__all__ = ["SOMETIMES_IDENTITY", "canonical_form", "is_identity"]

Terms = tuple[str, ...]
"""Digests of the terms of a sum, sorted; empty for zero."""


def canonical_form(network: HierarchicalGraph) -> str:
    """Return a digest of the function that a network computes."""
    subgraphs = {name: _result(graph, {}) for name, graph in network.subgraphs.items()}
    return digest(_result(network.graph, subgraphs))


Width = int | str
"""Number of channels, or a string that is equal only for equal numbers."""


class Flow(NamedTuple):
    """The result of a vertex.

    Attributes:
        terms: The terms of the sum.
        channels: Its width, also of zeros.
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
    nonzero = [source for source in sources if source.terms]
    if operation.name == "add":
        return _sum(nonzero or sources[-1:])
    if operation.name == "concatenate":
        return _concatenation(sources)
    if operation.name == "zero" or is_identity(operation):
        return sources[0] if operation.name != "zero" else Flow((), sources[0].channels)
    inputs = [source.terms for source in sources]
    form = digest(
        [operation, subgraphs, inputs] if operation.name == "stack" else [operation, inputs]
    )
    return Flow((form,) if nonzero else (), _channels(operation, sources[0], form))


def _sum(sources: list[Flow]) -> Flow:
    """Sort the terms; if widths differ, that of the last source is part of the form."""
    terms = [term for source in sources for term in source.terms]
    channels = sources[-1].channels
    if len({source.channels for source in sources}) > 1:
        terms.append(f"{channels} channels")
    return Flow(tuple(sorted(terms)), channels)


def _concatenation(sources: list[Flow]) -> Flow:
    """Keep the order and the zeros, whose width shifts the channels after them."""
    if len(sources) == 1:
        return sources[0]
    parts = [source.terms or f"{source.channels} zeros" for source in sources]
    form = digest(["concatenate", parts])
    widths = [source.channels for source in sources]
    channels = sum(w for w in widths if isinstance(w, int))
    known = all(isinstance(width, int) for width in widths)
    is_zero = not any(source.terms for source in sources)
    return Flow(() if is_zero else (form,), channels if known else digest(widths))


_KEEPING = re.compile(
    r"(Global)?(Max|Average|AdaptiveMax|AdaptiveAverage)Pooling[123]D|(ZeroPadding|Cropping|"
    r"UpSampling)[123]D|\w*Normalization|\w*Dropout([123]D)?|Gaussian\w+|Activation|\w*ReLU|"
    r"ELU|Softmax|Rescaling|Random\w+|DepthwiseConv[12]D"
)
"""Layers with as many output channels as input channels."""


def _channels(operation: Operation, source: Flow, form: str) -> Width:
    for setting in ("filters", "units"):
        value = operation.config.get(setting)
        if isinstance(value, int):
            return value
    keeping = operation.config.get("depth_multiplier", 1) == 1 and operation.cls is None
    return source.channels if keeping and _KEEPING.fullmatch(operation.name) else form


SOMETIMES_IDENTITY = frozenset(
    {"Activation", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"}
)
"""Layers that are the identity for some settings."""


def is_identity(operation: Operation) -> bool:
    """Return whether an operation returns its input unchanged."""
    match operation.name:
        case "Identity":
            return True
        case "Activation":
            return operation.config.get("activation") in (None, "linear")
        case "Dropout" | "SpatialDropout1D" | "SpatialDropout2D" | "SpatialDropout3D":
            return operation.config.get("rate") == 0
        case _:
            return False
