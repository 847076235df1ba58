"""The strings in which NAS-Bench-201 writes its cells."""

import re

from ..errors import InvalidArchitecture, SpaceFormatError
from ..nodes.architecture import Architecture
from ..nodes.search_space import SearchSpace
from .nas_bench_201_cells import nas_bench_201

__all__ = ["from_nas_bench_201_string", "to_nas_bench_201_string"]


def from_nas_bench_201_string(text: str, space: SearchSpace | None = None) -> Architecture:
    """Read a cell from the string format of NAS-Bench-201.

    Args:
        text: The edges into each node, such as "|nor_conv_3x3~0|+|none~0|skip_connect~1|+...".
        space: The space of the cell; `nas_bench_201()` by default.

    Raises:
        SpaceFormatError: The text is malformed, or not a cell of the space.

    Example:
        >>> from nasbridge.spaces import library
        >>> text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
        >>> architecture = library.from_nas_bench_201_string(text)
        >>> architecture["cell.edge_2_3"]
        'avg_pool_3x3'
        >>> library.to_nas_bench_201_string(architecture) == text
        True

    References:
        Dong & Yang 2020, NAS-Bench-201, arXiv:2001.00326.
    """
    space = nas_bench_201() if space is None else space
    values: dict[str, str] = {}
    for node, part in enumerate(str(text).strip().split("+"), 1):
        for source, operation in enumerate(_operations(text, node, part)):
            values[f"cell.edge_{source}_{node}"] = operation
    try:
        return space.architecture(values)
    except InvalidArchitecture as error:
        raise SpaceFormatError(f"{text!r} is not a cell of this space: {error}") from error


def _operations(text: str, node: int, part: str) -> tuple[str, ...]:
    """Return the operations on the edges into a node, ordered by source."""
    edges = [rf"([^|~+]+)~{source}" for source in range(node)]
    found = re.fullmatch(r"\|" + r"\|".join(edges) + r"\|", part)
    if found is None:
        form = "|".join(f"operation~{source}" for source in range(node))
        raise SpaceFormatError(f"node {node} of {text!r} is {part!r}: write it as '|{form}|'")
    return found.groups()


def to_nas_bench_201_string(architecture: Architecture) -> str:
    """Write a cell in the string format of NAS-Bench-201; see `from_nas_bench_201_string`.

    Args:
        architecture: An architecture of `nas_bench_201()`, of any width, depth and number of nodes.

    Returns:
        The string.

    Raises:
        InvalidArchitecture: The architecture belongs to another space.

    Example:
        >>> from nasbridge.spaces import library
        >>> space = library.nas_bench_201(nodes=1)
        >>> library.to_nas_bench_201_string(space.architecture({"cell.edge_0_1": "nor_conv_1x1"}))
        '|nor_conv_1x1~0|'
    """
    nodes = sum(name.startswith("cell.edge_0_") for name in architecture)
    if not nodes:
        raise InvalidArchitecture(
            f"{architecture!r} has no 'cell.edge_0_1': give an architecture of nas_bench_201()"
        )
    edges = (
        [f"{architecture[f'cell.edge_{source}_{node}']}~{source}" for source in range(node)]
        for node in range(1, nodes + 1)
    )
    return "+".join(f"|{'|'.join(into_node)}|" for into_node in edges)
