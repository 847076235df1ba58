"""From a graph to a diagram: vertices become boxes and frames.

A chosen option is one box, whatever the number of its layers. An option that contains further
choices is a frame around a diagram.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from ..graph.graph import Block, Graph, Operation, Vertex
from .diagram import POINT, Box, Diagram, Frame
from .labels import cell_title, family_of, full_text, is_minor, main_settings, short_name
from .text import tidy

__all__ = ["diagram_of"]


def diagram_of(graph: Graph, inputs: Sequence[Box], channels: bool = True) -> Diagram:
    """Return the diagram of a graph.

    Args:
        graph: A network or a cell.
        inputs: The boxes of its inputs.
        channels: Whether boxes show the channels of convolutions.

    Returns:
        The diagram, from the inputs to a box for the output. Parts that the output does not
        depend on, and parts that only `none` leads to, are left out.
    """
    return _DiagramBuilder(graph, inputs, channels).diagram()


def _visible(graph: Graph) -> list[int]:
    """Return the inputs, and all vertices on a path from an input to the output."""
    fed: set[int] = set()
    for position, vertex in enumerate(graph.vertices):
        kind = vertex.operation.name
        if kind == "input" or (kind != "zero" and not fed.isdisjoint(vertex.inputs)):
            fed.add(position)
    needed = set(graph.outputs.values()) & fed
    for position in sorted(fed, reverse=True):
        if position in needed:
            needed.update(fed.intersection(graph.vertices[position].inputs))
    return sorted(needed.union(graph.inputs))


class _DiagramBuilder:
    """Turns the vertices of a graph into items, from the outermost frames inwards."""

    def __init__(self, graph: Graph, inputs: Sequence[Box], channels: bool) -> None:
        self._graph = graph
        self._visible = _visible(graph)
        self._inputs = dict(zip(graph.inputs, inputs, strict=True))
        self._channels = channels
        chosen = {k: _choices(graph.vertices[k]) for k in self._visible}
        holders = {block.path for blocks in chosen.values() for block in blocks[:-1]}
        self._addresses = {k: _address(k, blocks, holders) for k, blocks in chosen.items()}
        last = graph.vertices[graph.output]
        ends = graph.output in self._visible and not last.blocks  # not for several outputs
        # the final concatenation of a cell is drawn as its output
        self._ends_merged = ends and last.operation.name == "concatenate"

    def diagram(self) -> Diagram:
        items, edges, where = self._items(self._visible, 0, [])
        if not self._ends_merged:
            for name, position in self._graph.outputs.items():
                if position in where:
                    edges[where[position], len(items)] = None
                items.append(Box(tidy(name or "output"), shape="pill"))
        return Diagram(tuple(items), tuple(edges))

    def _items(
        self, positions: Sequence[int], depth: int, before: Sequence[Box]
    ) -> tuple[list[Box | Frame], dict[tuple[int, int], None], dict[int, int]]:
        """Return items, edges (an ordered set), and the item of each vertex."""
        parts: dict[Block | int, list[int]] = {}
        for position in positions:
            parts.setdefault(self._addresses[position][depth], []).append(position)
        items: list[Box | Frame] = list(before)
        where: dict[int, int] = {}
        for key, members in parts.items():
            where.update(dict.fromkeys(members, len(items)))
            items.append(self._item(key, members, depth))
        edges: dict[tuple[int, int], None] = {}
        for position in positions:
            for source in self._graph.vertices[position].inputs:
                if source in self._addresses and where.get(source, 0) != where[position]:
                    edges[where.get(source, 0), where[position]] = None
        return items, edges, where

    def _item(self, key: Block | int, members: Sequence[int], depth: int) -> Box | Frame:
        vertices = [self._graph.vertices[k] for k in members]
        if isinstance(key, int):
            return self._inputs.get(key) or self._plain(key)
        if depth < len(self._addresses[members[0]]) - 1:
            return self._frame(key, members, depth)
        return self._option(key.label, vertices)

    def _frame(self, block: Block, members: Sequence[int], depth: int) -> Box | Frame:
        items, edges, _ = self._items(members, depth + 1, [POINT])
        title = tidy(block.label)
        if len(items) == 2:  # the option consists of another choice only
            return replace(items[1], title=f"{title}: {items[1].title}")
        inner = {source for source, _ in edges}
        exits = [(k, len(items)) for k in range(len(items)) if k not in inner]
        return Frame(title, Diagram((*items, POINT), (*edges, *exits)))

    def _option(self, label: str, vertices: Sequence[Vertex]) -> Box:
        operations = [vertex.operation for vertex in vertices]
        tip = _tip(vertices)
        if all(operation.name == "Identity" for operation in operations):
            return Box(tidy(label), shape="text", tip=tip, dashed=True)
        major = [operation for operation in operations if not is_minor(operation)]
        shown = major if len(major) == 1 else operations
        detail = ""
        if len(shown) == 1:
            (only,) = shown
            detail = main_settings(only, self._channels)
            detail = detail if label == only.name else f"{short_name(only)} {detail}".strip()
        kinds = [family_of(operation) for operation in (major or operations)]
        return Box(tidy(label), tidy(detail), family=_leading(kinds), tip=tip)

    def _plain(self, position: int) -> Box | Frame:
        vertex = self._graph.vertices[position]
        operation, tip = vertex.operation, _tip([vertex])
        node = vertex.blocks and vertex.blocks[-1].kind == "node"
        match operation.name:
            case "Identity":
                return POINT
            case "stack":
                return _stack(operation, tip)
            case "add" | "concatenate" if node:
                how = "" if operation.name == "add" else operation.name
                return Box(tidy(vertex.blocks[-1].label), how, "pill", tip=tip)
            case "add":
                return Box("+", shape="circle", tip=tip)
            case "concatenate" if position == self._graph.output and self._ends_merged:
                several = len(set(vertex.inputs).intersection(self._visible)) > 1
                return Box("output", operation.name * several, "pill", tip=tip)
            case "concatenate":
                return Box("concatenate", shape="pill", tip=tip)
            case _:
                detail = tidy(main_settings(operation, self._channels))
                return Box(
                    tidy(short_name(operation)), detail, family=family_of(operation), tip=tip
                )


def _choices(vertex: Vertex) -> list[Block]:
    return [block for block in vertex.blocks if block.kind == "choice"]


def _address(position: int, choices: list[Block], holders: set[str]) -> list[Block | int]:
    """Return the frames around a vertex and, last, its option or the vertex itself."""
    if choices and choices[-1].path not in holders:
        return [*choices]
    return [*choices, position]


def _leading(kinds: Sequence[str]) -> str:
    order = ("convolution", "dense", "sequence", "pooling", "skip", "other")
    return min(kinds, key=order.index)


def _tip(vertices: Sequence[Vertex]) -> str:
    lines = [f"{vertex.path}: {full_text(vertex.operation)}" for vertex in vertices]
    return "\n".join(tidy(line, longest=200) for line in lines)


def _stack(operation: Operation, tip: str) -> Frame:
    """Draw a stack of cells as its stages."""
    config = cast(Mapping[str, Any], operation.config)
    stages, repeats, width = config["stages"], config["repeats"], config["width"]
    boxes: list[Box] = []
    for stage in range(stages):
        detail = f"width {width * 2**stage}"
        if stage:
            boxes.append(Box(cell_title(config["reduction"]), detail, family="reduction", tip=tip))
        if repeats:
            title = cell_title(config["normal"]) + f" ×{repeats}" * (repeats > 1)
            boxes.append(Box(title, detail, family="normal", tip=tip))
    items = (POINT, *boxes, POINT)
    title = f"{stages} stage" + "s" * (stages > 1)
    return Frame(title, Diagram(items, tuple(pairwise(range(len(items))))))
