# pyright: basic
"""Parameters and multiply-additions of an existing Keras model, whatever built it."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from ..errors import BuildError
from ..graph.graph import Operation
from ..planning.rules import measure
from ..planning.shapes import Shape
from .layers import is_from_keras, keras

__all__ = ["count_parameters", "flops", "layer_flops"]


def count_parameters(model: Any) -> int:
    """Count the weights of a model or layer, trainable or not.

    Args:
        model: A `keras.Model` or layer that has been built.

    Raises:
        BuildError: The model has not been built yet.

    Example:
        >>> import keras
        >>> count_parameters(keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)]))
        36
    """
    _check_built(model)
    return int(model.count_params())


def flops(model: Any) -> int:
    """Count the multiply-additions of a model for one example, as `Cost.flops` does.

    Convolutions, dense and recurrent layers and multi-head attention count. Inside a subclassed
    layer or model each layer counts once, however often it is called.

    Args:
        model: Any `keras.Model` that has been built.

    Raises:
        BuildError: The model has not been built yet, or its input has axes of unknown size.

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
            f"{model.name!r} has not been built, so its size is unknown: call it on an example "
            "first, or start it with keras.Input(shape)"
        )


def layer_flops(layer: Any, shapes: Sequence[Shape]) -> int:
    """Count the multiply-additions of one call of a layer or model.

    Args:
        layer: A layer or model that has been built.
        shapes: Shapes of its inputs, without the batch axis.
    """
    network = getattr(layer, "_functional", None) or layer  # a Sequential wraps one
    if hasattr(network, "_nodes_by_depth"):
        return sum(layer_flops(inner, given) for inner, given in _calls(network))
    if any(None in shape for shape in shapes):
        raise BuildError(
            f"the layer {layer.name!r} takes {' and '.join(map(str, shapes))}, with axes of "
            "unknown size: build the model for inputs of a fixed shape"
        )
    if isinstance(layer, keras.layers.MultiHeadAttention) and len(shapes) > 1:
        return _attention_flops(layer.get_config(), *shapes)
    if isinstance(layer, keras.layers.EinsumDense):
        return _einsum_flops(layer, shapes[0])
    known = measure(_operation(layer), shapes) if shapes and _has_rule(layer) else None
    if known is not None:
        return known.flops
    return sum(layer_flops(inner, _built_shapes(inner)) for inner in getattr(layer, "_layers", ()))


def _calls(network: Any) -> Iterator[tuple[Any, list[Shape]]]:
    """Return each layer call of a functional model, with its input shapes."""
    for nodes in network._nodes_by_depth.values():
        for node in nodes:
            yield node.operation, [tuple(source.shape[1:]) for source in node.input_tensors]


def _built_shapes(layer: Any) -> list[Shape]:
    """Return the shapes that an inner layer was built for; unknown sizes count as 1."""
    config = layer.get_build_config() or {}
    shapes = config.get("shapes_dict", config).values()
    return [
        tuple(size or 1 for size in shape[1:])
        for shape in shapes
        if isinstance(shape, list | tuple)
    ]


def _has_rule(layer: Any) -> bool:
    return is_from_keras(type(layer)) and hasattr(layer, "get_config")


def _operation(layer: Any) -> Operation:
    """Return the operation that describes an existing Keras layer."""
    config = dict(layer.get_config())
    if isinstance(layer, keras.layers.TimeDistributed):
        config["layer"] = _operation(layer.layer)
    return Operation(type(layer).__name__, config, type(layer))


def _attention_flops(
    config: Mapping[str, Any], query: Shape, value: Shape, key: Shape | None = None
) -> int:
    """Count projections, scores and weighted sums; each shape is (steps, channels)."""
    queries, values = prod(query[:-1]), prod(value[:-1])
    heads, bias = config["num_heads"], bool(config["use_bias"])
    key_width = heads * config["key_dim"]
    value_width = heads * (config["value_dim"] or config["key_dim"])
    output = config["output_shape"] or query[-1:]
    projections = (
        queries * (query[-1] + bias) * key_width
        + values * ((key or value)[-1] + bias) * key_width
        + values * (value[-1] + bias) * value_width
        + queries * (value_width + bias) * prod(output)
    )
    return projections + queries * values * (key_width + value_width)


def _einsum_flops(layer: Any, shape: Shape) -> int:
    """Count one product for each index of input and kernel together."""
    sources, result = layer.equation.split("->")
    taken, letters = sources.split(",")
    kernel = dict(zip(letters.strip(), layer.kernel.shape, strict=True))
    products = prod(shape) * prod(n for letter, n in kernel.items() if letter not in taken)
    results = products // prod(n for letter, n in kernel.items() if letter not in result)
    return products + (layer.bias is not None) * results
