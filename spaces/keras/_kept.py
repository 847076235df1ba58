# pyright: basic
# Keras ships no types.
"""Models within a model, kept as they are, with their weights."""

import copy
import hashlib
import re
from typing import Any

from .._canonical import digest
from .._errors import SpaceError
from .._fingerprint import plain_data
from .._structure import Layer, layer
from ._layers import keras

__all__ = ["Kept", "keep"]


class Kept(keras.layers.Layer):
    """Base of classes whose instances are copies of one model."""


def keep(model: Any) -> Layer:
    """Return a layer that is a copy of a model, weights and `trainable` included.

    Every network has a copy of its own, an ordinary model of Keras, so that no training sees what
    another one has done. A document of the space names the model, and does not hold it.

    Args:
        model: A model with weights.

    Raises:
        SpaceError: Keras cannot copy it.
    """
    name = f"{re.sub(r'[^A-Za-z]+', '_', model.name).strip('_') or 'model'}_{_identity(model)}"
    if name not in globals():  # where documents and other processes look for it
        globals()[name] = _class_of(model, name)
    return layer(globals()[name])


def _identity(model: Any) -> str:
    """Tell models apart, in every process alike: automatic names count for nothing."""
    layers = [
        [type(one).__name__, {k: v for k, v in one.get_config().items() if k != "name"}]
        for one in model.layers
    ]
    weights = hashlib.blake2b()
    for weight in model.get_weights():
        weights.update(weight.tobytes())
    return digest([plain_data(layers), weights.hexdigest()])[:8]


def _class_of(model: Any, name: str) -> type:
    kind, shape, weights = type(model), model.input_shape, model.get_weights()
    config = copy.deepcopy(model.get_config())

    class Copied(Kept):
        def __new__(cls, name: str) -> Any:
            made = kind.from_config(copy.deepcopy({**config, "name": name}))
            if not made.built:
                made.build(shape)
            made.set_weights(weights)
            return made

    try:
        Copied("copy")
    except Exception as error:  # whatever a class of the user's own makes of it
        raise SpaceError(
            f"the model {model.name!r}, which stands as a layer, cannot be copied "
            f"({type(error).__name__}: {error}): let its get_config() say how, or call its layers "
            "instead"
        ) from error
    Copied.__name__ = Copied.__qualname__ = name
    return Copied
