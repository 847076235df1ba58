# pyright: basic
"""From plan to `keras.Model`: one layer call per step, nothing is decided here."""

from typing import Any

from ..errors import BuildError
from ..graph.graph import Graph, InputShape
from ..planning.plan import plan
from .inference import infer_with_keras
from .layers import call_layer, input_dtype, keras
from .names import layer_name

__all__ = ["build"]


def build(
    graph: Graph,
    input_shape: InputShape,
    name: str | None = None,
    input_name: str | None = None,
) -> Any:
    """Build a functional model from Keras layers and the user's own.

    Layers are named after their paths (see `layer_name`). A saved model loads without nasbridge.

    Args:
        graph: Graph of an architecture.
        input_shape: Shape of one example without the batch axis, such as (32, 32, 3); of a network
            with named inputs, by their names.
        name: Name of the model.
        input_name: Name of a single input, which is its key where data are a dict; by default
            "input".

    Returns:
        A `keras.Model` with newly initialized weights, not compiled. It takes and returns dicts
        where inputs or outputs have names, or lists where the graph says so.

    Raises:
        BuildError: The network cannot be built for this input, or Keras is set to channels first.

    Example:
        >>> from nasbridge.spaces import Chain, layer
        >>> space = Chain(layer("Flatten"), layer("Dense", units=10))
        >>> model = build(next(space.enumerate()).graph(), (28, 28, 1))
        >>> model.output_shape, model.count_params()
        ((None, 10), 7850)
    """
    if keras.config.image_data_format() != "channels_last":
        raise BuildError(
            "Keras is set to channels first, but nasbridge builds with channels last: call "
            'keras.config.set_image_data_format("channels_last")'
        )
    planned, names = plan(graph, input_shape, infer_with_keras), graph.input_names
    tensors: list[Any] = []
    for step in planned.steps:
        if not step.inputs:
            number = len(tensors)
            users = (user.operation for user in planned.steps if number in user.inputs)
            dtype = next(filter(None, map(input_dtype, users)), None)
            named = layer_name(step.path) if names else input_name or layer_name(step.path)
            tensors.append(keras.Input(step.shape, name=named, dtype=dtype))
            continue
        sources = [tensors[k] for k in step.inputs]
        _, result = call_layer(step.operation, sources, step.path)
        tensors.append(result)
    outputs = {key: tensors[position] for key, position in planned.outputs.items()}
    inputs = dict(zip(names, tensors, strict=False))
    return keras.Model(
        _struct(inputs, "inputs" in graph.ordered) if names else tensors[0],
        outputs.get("", _struct(outputs, "outputs" in graph.ordered)),
        name=name,
    )


def _struct(named: dict[str, Any], is_ordered: bool) -> Any:
    return list(named.values()) if is_ordered else named
