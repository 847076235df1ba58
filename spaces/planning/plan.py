"""From graph to plan: every shape inferred, every mismatch resolved, without any framework.

A plan is what is built and what is counted. On the way to it

- vertices that the output does not depend on vanish, and so do sums and concatenations of one;
- zeros vanish from sums, with everything that hangs on them alone; where nothing else is summed
  up, and in concatenations, they stay zeros of the shape that would have been there;
- branches that are merged are given one shape (see `_fit`);
- a layer whose window is larger than its input takes padding "same", where that helps;
- a strided 1x1 convolution of few channels leaves its pixels out beforehand, by pooling over single
  ones: the same function, but PyTorch on a CPU destroys memory in the gradient of the strided one
  (oneDNN issue 6035: channels last, fewer than 8 channels, or than 16 with AVX-512).
"""

import operator
from collections.abc import Sequence
from typing import cast

from ..errors import BuildError
from ..graph.graph import Graph, Operation, Vertex
from .fit import add, concatenate, factorized_reduction, zeros
from .shapes import Shape
from .steps import Draft, Infer, Plan

__all__ = ["plan"]

_ONE = (1, (1, 1), [1, 1])
_FEW = 16  # channels


def plan(graph: Graph, input_shape: Sequence[int], infer: Infer | None = None) -> Plan:
    """Plan a network in which all shapes fit.

    Args:
        graph: An architecture's graph, with one input.
        input_shape: Shape of one example, as (32, 32, 3): positive integers, channels last.
        infer: Measures layers that no rule knows, such as the user's own.

    Returns:
        The steps, in topological order.

    Raises:
        BuildError: A layer cannot take what flows into it, or no rule knows it and `infer` is None.

    Example:
        >>> from nasbridge.spaces import Chain, layer
        >>> space = Chain(layer("Flatten"), layer("Dense", units=10))
        >>> graph = next(space.enumerate()).graph()
        >>> [(step.path, step.shape) for step in plan(graph, (28, 28, 1)).steps]
        [('input', (28, 28, 1)), ('0', (784,)), ('1', (10,))]
    """
    shape = _checked_shape(input_shape)
    if len(graph.inputs) != 1:
        raise BuildError(f"the graph has {len(graph.inputs)} inputs, and can be built with one")
    start = graph.inputs[0]
    draft = Draft(shape, graph.vertices[start].path, infer)
    placed = {start: 0}
    for position in sorted(graph.live() - {start}):
        vertex = graph.vertices[position]
        placed[position] = _place(draft, vertex, [placed[k] for k in vertex.inputs])
    return draft.finish(placed[graph.output])


def _checked_shape(input_shape: Sequence[int]) -> Shape:
    try:
        shape = tuple(operator.index(size) for size in input_shape)
    except TypeError:
        shape = ()
    if not shape or min(shape) < 1:
        raise BuildError(
            f"input_shape={input_shape!r} is not the shape of one example: give positive integers "
            "without the batch, channels last, as (32, 32, 3)"
        )
    return shape


def _place(draft: Draft, vertex: Vertex, sources: list[int]) -> int:
    """Append what a vertex does; zero stays zero, whatever is done to it."""
    if vertex.operation.name == "zero":
        return _nothing(draft, vertex, sources[0])
    result = _append(draft, vertex, sources)
    if result in draft.zeros or not all(source in draft.zeros for source in sources):
        return result
    origin = draft.zeros[sources[-1]]
    simpler = zeros(draft, origin, draft.shape(result), f"{vertex.path}.zeros")
    if simpler is not None:
        return simpler
    draft.zeros[result] = origin
    return result


def _append(draft: Draft, vertex: Vertex, sources: list[int]) -> int:
    operation, path = vertex.operation, vertex.path
    match operation.name:
        case "add":
            return add(draft, sources, path)
        case "concatenate":
            return concatenate(draft, sources, path)
        case "factorized_reduction":
            strides = (2,) * (len(draft.shape(sources[0])) - 1)
            filters = cast(int, operation.config["filters"])
            return factorized_reduction(draft, sources[0], filters, strides, path)
        case "stack":
            raise BuildError("an outline cannot be built: take architecture.graph()")
        case "Conv2D" if _is_unsafe(operation, draft.shape(sources[0])):
            config = {"pool_size": 1, "strides": operation.config["strides"]}
            kept = draft.layer("AveragePooling2D", config, sources, f"{path}.skip")
            dense = Operation("Conv2D", {**operation.config, "strides": 1})
            return draft.add(dense, (kept,), path)
        case _:
            return draft.add(operation, sources, path)


def _is_unsafe(operation: Operation, shape: Shape) -> bool:
    kernel, strides = (operation.config.get(name, 1) for name in ("kernel_size", "strides"))
    return kernel in _ONE and strides not in _ONE and len(shape) == 3 and shape[-1] < _FEW


def _nothing(draft: Draft, vertex: Vertex, source: int) -> int:
    *sizes, channels = draft.shape(source)
    stride = cast(int, vertex.operation.config.get("stride", 1))
    shape = (*(-(-size // stride) for size in sizes), channels)
    origin = draft.zeros.get(source, source)
    result = zeros(draft, origin, shape, vertex.path)
    if result is None:
        result = zeros(draft, source, shape, vertex.path)
    assert result is not None  # its own source has the channels, and the size
    return result
