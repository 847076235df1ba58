# pyright: basic
"""Counting a Keras model that is there already, whoever built it."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from .._errors import BuildError
from .._graph import Operation
from .._rules import measure
from .._shapes import Shape
from ._layers import keras

__all__ = ["count_parameters", "flops", "layer_flops"]


def count_parameters(model: Any) -> int:
    """Count the weights of a model or layer, trainable or not.

    Args:
        model: A `keras.Model` or layer that is built.

    Raises:
        BuildError: It is not built yet.
    """
    _check_built(model)
    return int(model.count_params())


def flops(model: Any) -> int:
    """Count the multiply-additions of a model for one example, as `Cost.flops` does.

    Convolutions, dense and recurrent layers are counted. Within a layer or model that is a class
    of its own, each layer counts once, however often it is called.

    Args:
        model: A `keras.Model` that is built, of any origin.

    Raises:
        BuildError: It is not built yet, or its input has axes of open size.

    Example:
        >>> import keras
        >>> flops(keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)]))
        36
    """
    _check_built(model)
    return layer_flops(model, ())


def _check_built(model: Any) -> None:
    if not model.built:
        raise BuildError(
            f"{model.name!r} is not built, so its size is open: call it on an example first, or "
            "begin it with keras.Input(shape)"
        )


def layer_flops(layer: Any, shapes: Sequence[Shape]) -> int:
    """Count the multiply-additions of one call of a layer.

    Args:
        layer: A layer or model that is built.
        shapes: The shapes of its inputs, without the batch.
    """
    network = getattr(layer, "_functional", None) or layer  # a Sequential holds one
    if hasattr(network, "_nodes_by_depth"):
        return sum(layer_flops(inner, given) for inner, given in _calls(network))
    if any(None in shape for shape in shapes):
        raise BuildError(
            f"the layer {layer.name!r} gets {' and '.join(map(str, shapes))}, sizes being open: "
            "build the model for inputs of a fixed shape"
        )
    if isinstance(layer, keras.layers.EinsumDense):
        return _einsum_flops(layer, shapes[0])
    known = measure(_operation(layer), shapes) if shapes and _is_known(layer) else None
    if known is not None:
        return known.flops
    return sum(layer_flops(inner, _built_for(inner)) for inner in getattr(layer, "_layers", ()))


def _calls(network: Any) -> Iterator[tuple[Any, list[Shape]]]:
    for nodes in network._nodes_by_depth.values():
        for node in nodes:
            yield node.operation, [tuple(source.shape[1:]) for source in node.input_tensors]


def _built_for(layer: Any) -> list[Shape]:
    """Return the shapes that a layer within another was built for, as far as Keras knows."""
    config = layer.get_build_config() or {}
    shapes = config.get("shapes_dict", config).values()
    return [tuple(shape[1:]) for shape in shapes if isinstance(shape, list | tuple)]


def _is_known(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] == "keras" and hasattr(layer, "get_config")


def _operation(layer: Any) -> Operation:
    """Describe a layer of Keras that is there already."""
    config = dict(layer.get_config())
    if isinstance(layer, keras.layers.TimeDistributed):
        config["layer"] = _operation(layer.layer)
    return Operation(type(layer).__name__, config, type(layer))


def _einsum_flops(layer: Any, shape: Shape) -> int:
    """Count what attention is made of: each result sums over the axes that vanish."""
    sources, result = layer.equation.split("->")
    letters = sources.split(",")[1].strip()
    summed = prod(n for k, n in zip(letters, layer.kernel.shape, strict=True) if k not in result)
    made = prod(layer.compute_output_shape((None, *shape))[1:])
    return made * (summed + (layer.bias is not None))
