"""DARTS genotypes: the format in which cells of that space are published."""

import ast
from collections.abc import Iterator, Mapping
from typing import cast

from ..errors import InvalidArchitecture, SpaceFormatError
from ..nodes.architecture import Architecture
from ..nodes.search_space import SearchSpace
from .darts_cells import darts

__all__ = ["from_darts_genotype", "to_darts_genotype"]

_CELLS = {"normal": "normal", "reduce": "reduction"}  # their names in a genotype, and in the space
_FORM = (
    "Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ...], reduce_concat=range(2, 6))"
)

Edge = tuple[str, int]  # an operation and its source node


def from_darts_genotype(text: str, space: SearchSpace | None = None) -> Architecture:
    """Read a pair of cells from a genotype of DARTS.

    The text is parsed and not evaluated, so it cannot run code.

    Args:
        text: "Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), ...)", with
            two edges for each node, in either order.
        space: The space of the cells; `darts()` by default.

    Returns:
        The architecture with these cells.

    Raises:
        SpaceFormatError: The text is malformed, or not a pair of cells of the space.

    Example:
        >>> from nasbridge.spaces import library
        >>> cell = "[('sep_conv_3x3', 0), ('skip_connect', 1)]"
        >>> text = (
        ...     f"Genotype(normal={cell}, normal_concat=range(2, 3), "
        ...     f"reduce={cell}, reduce_concat=range(2, 3))"
        ... )
        >>> architecture = library.from_darts_genotype(text, library.darts(nodes=1))
        >>> architecture["reduction.edge_1_2"]
        'skip_connect'
        >>> library.to_darts_genotype(architecture) == text
        True

    References:
        Liu et al. 2019, DARTS, arXiv:1806.09055.
    """
    space = darts() if space is None else space
    fields = _fields(text)
    values: dict[str, str] = {}
    for field, name in _CELLS.items():
        edges = _edges(fields[field], field)
        values.update(_decisions(edges, name))
        _check_output(fields[f"{field}_concat"], range(2, 2 + len(edges) // 2), field)
    try:
        return space.architecture(values)
    except InvalidArchitecture as error:
        raise SpaceFormatError(f"the genotype is not in this space: {error}") from error


def _fields(text: str) -> Mapping[str, ast.expr]:
    try:
        call = ast.parse(str(text).strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise SpaceFormatError(f"not a valid genotype ({error}): write it as {_FORM}") from error
    match call:
        case ast.Call(func=ast.Name(id="Genotype"), args=[], keywords=keywords):
            fields = {str(keyword.arg): keyword.value for keyword in keywords}
        case _:
            raise SpaceFormatError(f"not a valid genotype: write it as {_FORM}")
    wanted = {field + ending for field in _CELLS for ending in ("", "_concat")}
    if set(fields) != wanted or len(keywords) != len(wanted):
        given = [str(keyword.arg) for keyword in keywords]
        raise SpaceFormatError(f"the genotype has the fields {given}: write it as {_FORM}")
    return fields


def _edges(node: ast.expr, field: str) -> list[Edge]:
    try:
        edges = cast(list[object], ast.literal_eval(node))
    except (ValueError, TypeError, MemoryError, RecursionError) as error:
        raise SpaceFormatError(
            f"{field}= of the genotype is not a list of pairs: {error}"
        ) from error
    if not isinstance(cast(object, edges), list) or len(edges) % 2:
        raise SpaceFormatError(
            f"{field}= of the genotype is {edges!r}: give a list with two pairs for each node"
        )
    return [_edge(edge, f"pair {position} of {field}=") for position, edge in enumerate(edges)]


def _edge(edge: object, place: str) -> Edge:
    match edge:
        case (str() as operation, int() as source) if not isinstance(source, bool):
            return operation, source
        case _:
            raise SpaceFormatError(
                f"{place} of the genotype is {edge!r}: give an operation and the number of its "
                "source node, such as ('sep_conv_3x3', 1)"
            )


def _decisions(edges: list[Edge], name: str) -> Iterator[tuple[str, str]]:
    for node, pair in enumerate(zip(edges[::2], edges[1::2], strict=True), 2):
        yield f"{name}.node_{node}_inputs", "+".join(str(k) for k in sorted(s for _, s in pair))
        for operation, source in pair:
            yield f"{name}.edge_{source}_{node}", operation


def _check_output(node: ast.expr, wanted: range, field: str) -> None:
    """Raise SpaceFormatError unless the output is all nodes of the cell, as a range or a list."""
    match node:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(a), ast.Constant(b)]):
            given: object = f"range({a!r}, {b!r})"
        case _:
            given = ast.unparse(node)
    if given not in (repr(wanted), repr(list(wanted)), repr(tuple(wanted))):
        raise SpaceFormatError(
            f"{field}_concat= of the genotype is {given}: cells of this space concatenate all "
            f"their nodes, so it must be {wanted}"
        )


def to_darts_genotype(architecture: Architecture) -> str:
    """Write a pair of cells as a genotype of DARTS; see `from_darts_genotype`.

    Args:
        architecture: An architecture of `darts()`, of any width, depth and number of nodes.

    Returns:
        The genotype, with the two edges of each node ordered by source.

    Raises:
        InvalidArchitecture: The architecture belongs to another space.

    Example:
        >>> from nasbridge.spaces import library
        >>> space = library.darts(nodes=1)
        >>> library.to_darts_genotype(next(space.enumerate()))[:46]
        "Genotype(normal=[('max_pool_3x3', 0), ('max_po"
    """
    parts: list[str] = []
    for field, name in _CELLS.items():
        edges = _edges_of(architecture, name)
        if not edges:
            raise InvalidArchitecture(
                f"{architecture!r} has no '{name}.node_2_inputs': give an architecture of darts()"
            )
        parts.append(f"{field}={edges}, {field}_concat={range(2, 2 + len(edges) // 2)}")
    return f"Genotype({', '.join(parts)})"


def _edges_of(architecture: Architecture, name: str) -> list[Edge]:
    edges: list[Edge] = []
    node = 2
    while f"{name}.node_{node}_inputs" in architecture:
        sources = cast(tuple[int, int], architecture[f"{name}.node_{node}_inputs"])
        edges += [(architecture[f"{name}.edge_{k}_{node}"], k) for k in sources]
        node += 1
    return edges
