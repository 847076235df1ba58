"""From a graph to a plan: infers all shapes and resolves mismatches, without any framework.

Networks are built and measured from their plans.

- Vertices that the output does not depend on are removed, and so are sums and concatenations of one
  term.
- Zeros are removed from sums, with all operations that depend on zeros alone. In concatenations,
  and in sums of zeros only, they become tensors of zeros with the shape of the removed operation.
- Branches of different shapes are fitted before they are merged (see `fit`).
- A layer whose window is larger than its input gets padding "same", if that is enough.
- A strided 1x1 convolution of few channels becomes a pooling of size 1 with strides, followed by a
  convolution without strides. The function is the same, but the gradient of the former corrupts
  memory in PyTorch on CPUs (oneDNN issue 6035: channels last, fewer than 8 channels, or fewer than
  16 with AVX-512).
"""

import operator
from collections.abc import Mapping, Sequence
from typing import cast

from ..errors import BuildError
from ..graph.graph import Graph, InputShape, Operation, Vertex
from .fit import add, concatenate, factorized_reduction, zeros
from .shapes import Shape
from .steps import Infer, Plan, PlanBuilder

__all__ = ["plan"]

_ONE = (1, (1, 1), [1, 1])
_FEW = 16  # channels


def plan(graph: Graph, input_shape: InputShape, infer: Infer | None = None) -> Plan:
    """Plan a network in which all shapes fit.

    Args:
        graph: An architecture's graph.
        input_shape: Shape of one example without the batch axis, such as (32, 32, 3): positive
            integers, channels last; of a network with named inputs, by their names.
        infer: Measures layers without a rule, such as those of the user.

    Returns:
        The layer calls in topological order.

    Raises:
        BuildError: A layer cannot take its input, or has no rule and `infer` is None.

    Example:
        >>> from nasbridge.spaces import Chain, layer
        >>> space = Chain(layer("Flatten"), layer("Dense", units=10))
        >>> graph = next(space.enumerate()).graph()
        >>> [(step.path, step.shape) for step in plan(graph, (28, 28, 1)).steps]
        [('input', (28, 28, 1)), ('0', (784,)), ('1', (10,))]
    """
    shapes = _input_shapes(graph, input_shape)
    builder = PlanBuilder(shapes, infer)
    placed = {position: k for k, position in enumerate(graph.inputs)}
    outputs = graph.outputs
    for position in sorted(graph.live() - set(placed)):
        vertex = graph.vertices[position]
        if vertex.operation.name != "outputs":
            placed[position] = _place(builder, vertex, [placed[k] for k in vertex.inputs])
    return builder.finish({name: placed[position] for name, position in outputs.items()})


def _input_shapes(graph: Graph, input_shape: InputShape) -> dict[str, Shape]:
    """Return the shape of each input by its path."""
    names = graph.input_names
    paths = [graph.vertices[k].path for k in graph.inputs]
    if not names and len(paths) != 1:
        raise BuildError(
            f"the graph has {len(paths)} inputs without names: use architecture.graph()"
        )
    if not isinstance(input_shape, Mapping):
        if names:
            shapes = ", ".join(f'"{name}": (...)' for name in names)
            raise BuildError(
                f"input_shape={input_shape!r} is one shape, but the network has the inputs "
                f"{' and '.join(names)}: give a dict, as {{{shapes}}}"
            )
        return {paths[0]: _checked_shape(input_shape)}
    if set(input_shape) != set(names):
        wanted = f"the inputs {' and '.join(names)}" if names else "one input without a name"
        raise BuildError(
            f"input_shape has the names {', '.join(input_shape)}, but the network has {wanted}: "
            + ("use the same names" if names else "give one shape, as (32, 32, 3)")
        )
    return {
        path: _checked_shape(input_shape[name]) for path, name in zip(paths, names, strict=True)
    }


def _checked_shape(input_shape: Sequence[int]) -> Shape:
    try:
        shape = tuple(operator.index(size) for size in input_shape)
    except TypeError:
        shape = ()
    if not shape or min(shape) < 1:
        raise BuildError(
            f"input_shape={input_shape!r} is not the shape of one example: give positive integers "
            "without the batch axis, channels last, as (32, 32, 3)"
        )
    return shape


def _place(builder: PlanBuilder, vertex: Vertex, sources: list[int]) -> int:
    """Append the operation of a vertex; the result is zero if all inputs are."""
    if vertex.operation.name == "zero":
        return _zero(builder, vertex, sources[0])
    result = _append(builder, vertex, sources)
    if result in builder.zeros or not all(source in builder.zeros for source in sources):
        return result
    last, shape = sources[-1], builder.shape(result)
    if builder.shape(last) == shape:
        return last
    origin = builder.zeros[last]
    simpler = zeros(builder, origin, shape, f"{vertex.path}.zeros")
    if simpler is not None:
        return simpler
    builder.zeros[result] = origin
    return result


def _append(builder: PlanBuilder, vertex: Vertex, sources: list[int]) -> int:
    operation, path = vertex.operation, vertex.path
    match operation.name:
        case "add":
            return add(builder, sources, path, operation.config)
        case "concatenate":
            return concatenate(builder, sources, path, operation.config)
        case "factorized_reduction":
            strides = (2,) * (len(builder.shape(sources[0])) - 1)
            filters = cast(int, operation.config["filters"])
            return factorized_reduction(builder, sources[0], filters, strides, path)
        case "stack":
            raise BuildError("a hierarchical graph cannot be built: use architecture.graph()")
        case "Conv2D" if _is_unsafe(operation, builder.shape(sources[0])):
            config = {"pool_size": 1, "strides": operation.config["strides"]}
            kept = builder.layer("AveragePooling2D", config, sources, f"{path}.skip")
            dense = Operation("Conv2D", {**operation.config, "strides": 1})
            return builder.add(dense, (kept,), path)
        case _:
            return builder.add(operation, sources, path)


def _is_unsafe(operation: Operation, shape: Shape) -> bool:
    kernel, strides = (operation.config.get(name, 1) for name in ("kernel_size", "strides"))
    return kernel in _ONE and strides not in _ONE and len(shape) == 3 and shape[-1] < _FEW


def _zero(builder: PlanBuilder, vertex: Vertex, source: int) -> int:
    *sizes, channels = builder.shape(source)
    stride = cast(int, vertex.operation.config.get("stride", 1))
    shape = (*(-(-size // stride) for size in sizes), channels)
    origin = builder.zeros.get(source, source)
    result = zeros(builder, origin, shape, vertex.path)
    if result is None:
        result = zeros(builder, source, shape, vertex.path)
    assert result is not None  # the source has the same channels and is at least as large
    return result
