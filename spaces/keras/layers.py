# pyright: basic
"""From operation to Keras layer: finding the class, making and calling an instance."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from ..errors import BuildError, MissingExtra, UnknownLayer
from ..graph.graph import Operation
from ..planning.steps import described
from .compat import patch_average_pool
from .names import layer_name
from .settings import closest, wrong_names

try:
    import keras
except ImportError as error:  # Keras itself, or the Keras backend that KERAS_BACKEND names
    missing = (error.name or "keras").partition(".")[0]
    extra = missing if missing in ("jax", "torch") else "tensorflow"
    raise MissingExtra(missing, extra, "building a network") from error

patch_average_pool(keras)

__all__ = [
    "CopiedLayer",
    "call_layer",
    "input_dtype",
    "is_from_keras",
    "keras",
    "layer_class",
    "make_layer",
]


class CopiedLayer(keras.layers.Layer):
    """Base of the classes that `nasbridge.spaces.variants` makes, one for each copied layer.

    Attributes:
        original_class: Class of the original.
        input_dtype: Dtype of the original's input, such as "float32" or "string".
        has_weights: Whether copies start with the weights of the original.
    """

    original_class: ClassVar[type]
    input_dtype: ClassVar[str]
    has_weights: ClassVar[bool]


def input_dtype(operation: Operation) -> str | None:
    """Return the dtype that a copied layer needs as input; None for all other layers."""
    module, _, qualname = operation.name.rpartition(":")
    found = operation.cls or (_imported(module, qualname) if module else None)
    if isinstance(found, type) and issubclass(found, CopiedLayer):
        return found.input_dtype
    return None


def make_layer(operation: Operation, path: str) -> Any:
    """Make the layer that an operation describes, and name it after its path.

    Args:
        operation: A Keras layer or a layer of the user, with its settings.
        path: Path of the layer in the architecture.

    Raises:
        UnknownLayer: Keras has no such layer, or the layer has no such setting.
        BuildError: The class is not known here, or it rejects its settings.
    """
    cls = layer_class(operation, path)
    config = {key: _setting(value, f"{path}.{key}") for key, value in operation.config.items()}
    try:
        return cls(**{"name": layer_name(path), **config})
    except Exception as error:  # whatever a layer's constructor raises is about its settings
        faults = wrong_names(cls, operation.config)
        if any(name in str(error) for name in faults):
            what = described(operation, path)
            raise UnknownLayer(f"{what} {'; it '.join(faults.values())}") from error
        hint = "fix them in the space"
        if "argument 'name'" in str(error):
            hint = "let its __init__ take **kwargs and pass them to super().__init__"
        raise BuildError(
            f"{described(operation, path)} rejects its settings: {type(error).__name__}: "
            f"{error}; {hint}"
        ) from error


def _setting(value: object, path: str) -> object:
    """Return a setting, with the operations inside it replaced by layers."""
    if isinstance(value, Operation):
        return make_layer(value, path)
    if isinstance(value, Mapping):
        return {key: _setting(part, f"{path}.{key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        items = enumerate(cast(list[object], value))
        parts = [_setting(part, f"{path}.{k}") for k, part in items]
        return tuple(parts) if isinstance(value, tuple) else parts
    return value


def call_layer(operation: Operation, sources: Sequence[Any], path: str) -> tuple[Any, Any]:
    """Make the layer that an operation describes, and call it on symbolic tensors.

    Args:
        operation: A Keras layer or a layer of the user, with its settings.
        sources: Its inputs, batch axis included; arguments of its call where it names them.
        path: Path of the layer in the architecture.

    Returns:
        The layer, now built, and its result.

    Raises:
        BuildError: No such layer exists, it rejects its settings, or it cannot take these inputs.
    """
    layer = make_layer(operation, path)
    try:
        if operation.names:
            return layer, layer(**dict(zip(operation.names, sources, strict=True)))
        return layer, layer(sources[0] if len(sources) == 1 else list(sources))
    except Exception as error:  # a layer of the user may raise anything
        shapes = " and ".join(str(tuple(source.shape[1:])) for source in sources)
        raise BuildError(
            f"{described(operation, path)} cannot take {shapes}: {type(error).__name__}: {error}; "
            "fix its settings, or the layers before it"
        ) from error


def layer_class(operation: Operation, path: str) -> type:
    """Find the class of a layer. No module is imported, so a document cannot run code.

    Args:
        operation: A name in `keras.layers` or of a registered class, or `module:Class`; or it
            holds the class itself.
        path: Path of the layer, for error messages.

    Raises:
        UnknownLayer: Keras has no such layer.
        BuildError: The class is not known here, or it is not a layer.
    """
    module, _, qualname = operation.name.rpartition(":")
    found = operation.cls or _imported(module or "keras.layers", qualname)
    if found is None:
        found = _registered(module, qualname)
    if isinstance(found, type) and issubclass(found, keras.layers.Layer):
        return found
    what = described(operation, path)
    if found is not None:
        raise BuildError(f"{what} is not a layer: derive the class from keras.layers.Layer")
    if module:
        raise BuildError(
            f"{what} is not a known class: import your module first (import {module}), or describe "
            "the space with the class itself"
        )
    known = [name for name, cls in vars(keras.layers).items() if isinstance(cls, type)]
    close = closest(qualname, known)
    hint = f"did you mean {close!r}?" if close else "use a name in keras.layers, or a class"
    raise UnknownLayer(f"{what} is not a Keras layer: {hint}")


def is_from_keras(thing: Any) -> bool:
    """Return whether Keras defines a class or function; a user's may have the same name."""
    return bool(thing.__module__.partition(".")[0] == "keras")


def _imported(module: str, qualname: str) -> object:
    """Find a name in a module that is already imported; lazy attributes are not loaded."""
    found: object = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found


def _registered(module: str, qualname: str) -> object:
    """Find a class that the user registered with Keras, or put in a custom object scope."""
    scoped = keras.saving.get_registered_object(qualname.rpartition(".")[2])
    for cls in (scoped, *keras.saving.get_custom_objects().values()):
        if getattr(cls, "__qualname__", None) == qualname and module in ("", cls.__module__):
            return cls
    return None
