# pyright: basic
"""Output shape and cost of layers that no rule knows, such as the user's own classes."""

from collections.abc import Sequence
from math import prod
from typing import Any

from ..errors import BuildError
from ..graph.graph import Operation
from ..planning.shapes import Measure, Shape
from ..planning.steps import described
from .counting import layer_flops
from .layers import call_layer, input_dtype, keras

__all__ = ["infer_with_keras"]

CACHE_SIZE = 1024  # constraints measure the same layers again and again

_cache: dict[object, tuple[Operation, Measure]] = {}


def infer_with_keras(operation: Operation, shapes: Sequence[Shape], path: str) -> Measure:
    """Measure a layer by building it and calling it on symbolic tensors.

    It is the `infer` argument of `plan` and `cost`. Results are cached.

    Args:
        operation: A Keras layer or a layer of the user.
        shapes: Shapes of its inputs, without the batch axis.
        path: Path of the layer, for error messages.

    Returns:
        Output shape, number of weights and multiply-additions.

    Raises:
        BuildError: The layer cannot be built, rejects these inputs, or does not return one tensor
            of a known shape.

    Example:
        >>> infer_with_keras(
        ...     Operation("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 4}),
        ...     [(3,)],
        ...     "dense",
        ... ).shape
        (4,)
    """
    key = (
        *(operation.name, operation.cls, repr(operation.config), operation.names),
        tuple(shapes),
    )
    if key not in _cache:
        if len(_cache) >= CACHE_SIZE:
            _cache.clear()
        # Keeping the operation keeps its settings alive, so no other object reuses their repr.
        _cache[key] = operation, _measured(operation, shapes, path)
    return _cache[key][1]


def _measured(operation: Operation, shapes: Sequence[Shape], path: str) -> Measure:
    dtype = input_dtype(operation) or "float32"
    sources = [keras.KerasTensor((None, *shape), dtype) for shape in shapes]
    layer, result = call_layer(operation, sources, path)
    shape: Any = tuple(getattr(result, "shape", (None, None))[1:])
    if None in shape:
        raise BuildError(
            f"{described(operation, path)} returns {result!r}: let it return one tensor of a known "
            "shape"
        )
    frozen = sum(prod(weight.shape) for weight in layer.non_trainable_weights)
    return Measure(shape, layer.count_params(), frozen, layer_flops(layer, shapes))
