# pyright: basic
"""Asking Keras about layers that no rule of ours knows: rare ones, and the user's own."""

from collections.abc import Sequence
from math import prod
from typing import Any

from ..errors import BuildError
from ..graph.graph import Operation
from ..planning.shapes import Measure, Shape
from ..planning.steps import described
from ..variants.kept import dtype_taken
from .counting import layer_flops
from .layers import call_layer, keras

__all__ = ["ask"]

REMEMBERED = 1024  # answers that are kept: constraints ask the same over and over

_answers: dict[object, tuple[Operation, Measure]] = {}


def ask(operation: Operation, shapes: Sequence[Shape], path: str) -> Measure:
    """Return what a layer gives and costs, by making one and calling it on symbolic tensors.

    Args:
        operation: A layer of Keras or of the user.
        shapes: The shapes of its inputs.
        path: Where it stands, for messages.

    Raises:
        BuildError: It cannot be made, takes no such input, or its result is not one tensor of a
            known shape.
    """
    key = (operation.name, operation.cls, repr(operation.config), tuple(shapes))
    if key not in _answers:
        if len(_answers) >= REMEMBERED:
            _answers.clear()
        # The operation is kept, too: so what its settings are stays alive, and its repr its own.
        _answers[key] = operation, _asked(operation, shapes, path)
    return _answers[key][1]


def _asked(operation: Operation, shapes: Sequence[Shape], path: str) -> Measure:
    dtype = dtype_taken(operation) or "float32"
    sources = [keras.KerasTensor((None, *shape), dtype) for shape in shapes]
    layer, result = call_layer(operation, sources, path)
    shape: Any = tuple(getattr(result, "shape", (None, None))[1:])
    if None in shape:
        raise BuildError(
            f"{described(operation, path)} gives {result!r}: it must give one tensor of a known "
            "shape"
        )
    frozen = sum(prod(weight.shape) for weight in layer.non_trainable_weights)
    return Measure(shape, layer.count_params(), frozen, layer_flops(layer, shapes))
