# pyright: basic
# Keras ships no types.
"""Copies of existing layers and models, with their weights or with their configuration only.

`copy_with_weights` and `copy_config` make a class for each original, and store it in this module
under a name that ends in a hash of the original. Documents refer to the class by this module's
path and that name, so neither may change. The same original gives the same name in every process.
"""

import copy
import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numpy

from ..errors import SpaceError
from ..graph.graph import Operation
from ..hashing import digest, plain_data
from ..keras.layers import CopiedLayer, is_from_keras, keras
from ..nodes.layer import Layer, layer

__all__ = ["copy_config", "copy_with_weights", "is_copied_with_weights", "names_within"]

WIRING = {"inbound_nodes", "input_layers", "output_layers"}

Variables = dict[str, Any]
Files = dict[str, bytes]


class LayerState(NamedTuple):
    """State of a layer, or of one inside it.

    Attributes:
        saved: The variables that Keras saves.
        files: What Keras saves that is not a variable, such as a vocabulary.
        exact: Each variable that the layer owns, and whether it is trainable. Keras merges LoRA
            weights when it saves, so `saved` alone does not restore them.
        trainable: Whether the layer is trainable.
    """

    saved: Variables
    files: Files
    exact: list[tuple[Any, bool]]
    trainable: bool


State = list[LayerState]


def copy_with_weights(one: Any, source: Any) -> Layer:
    """Return a layer that copies a model or layer, weights and `trainable` included.

    Each network gets a separate copy, an ordinary Keras model or layer, so training one network
    does not change another. A document of the space names the class of the copy and does not
    contain the weights.

    Args:
        one: A model or layer with weights.
        source: Its symbolic input.

    Raises:
        SpaceError: Keras cannot copy it.
    """
    return _copied(one, source, with_weights=True)


def copy_config(one: Any, source: Any) -> Layer:
    """Return a layer that its class rebuilds with `from_config`, with newly initialized weights.

    Args:
        one: A layer.
        source: Its symbolic input.

    Raises:
        SpaceError: Keras cannot rebuild it.
    """
    return _copied(one, source, with_weights=False)


def is_copied_with_weights(operation: Layer | Operation) -> bool:
    """Return whether a layer is a copy that starts with the weights of its original."""
    cls = operation.cls
    return cls is not None and issubclass(cls, CopiedLayer) and cls.has_weights


def _copied(one: Any, source: Any, with_weights: bool) -> Layer:
    is_model = isinstance(one, keras.Model)
    # automatic names end in a counter, which differs between processes
    stem = re.sub(r"[^A-Za-z]+", "_", one.name).strip("_") or "model"
    try:
        state = _state(one) if with_weights else None
        dtype = keras.backend.standardize_dtype(source.dtype)
        name = f"{stem if is_model else type(one).__name__}_{_identity(one, state, dtype)}"
        known = globals().get(name)
        if known is None or known.original_class is not type(one):  # redefined in a notebook
            globals()[name] = _class_of(one, tuple(source.shape), dtype, state, name)
    except Exception as error:  # a class of the user may raise anything
        what, instead = f"the layer {one.name!r} ({type(one).__name__})", "or use another layer"
        if is_model:
            what = f"the nested model {one.name!r}"
            instead = "or call its layers instead"
        raise SpaceError(
            f"{what} cannot be copied ({type(error).__name__}: {error}): let its get_config() "
            f"return all arguments of its __init__, {instead}"
        ) from error
    return layer(globals()[name])


def _class_of(
    one: Any, shape: Sequence[int | None], dtype: str, state: State | None, name: str
) -> type:
    """Make the class whose constructor returns a copy; try it once."""
    config, functions = copy.deepcopy(one.get_config()), _functions(one)
    make = type(one) if functions else type(one).from_config

    class Copied(CopiedLayer):
        original_class, input_dtype, has_weights = type(one), dtype, state is not None

        def __new__(cls, name: str) -> Any:
            settings = {**copy.deepcopy(config), **functions, "name": name}
            made = make(**settings) if functions else make(settings)
            if state is not None:
                _build(made, shape, dtype)
                _restore(made, state)
            return made

    Copied("copy")
    Copied.__name__ = Copied.__qualname__ = name
    return Copied


def _build(made: Any, shape: Sequence[int | None], dtype: str) -> None:
    if made.built:
        return
    if isinstance(made, keras.Model) or type(made).build is not keras.layers.Layer.build:
        made.build(shape)
    else:  # its inner layers are built when it is called
        made(keras.KerasTensor(shape, dtype))
        made._inbound_nodes.clear()  # that call is not part of any network


def _identity(one: Any, state: State | None, dtype: str) -> str:
    """Return a hash of a model or layer that ignores automatic names, so processes agree."""
    parts = one.layers if isinstance(one, keras.Model) else [one]
    configs = [[type(part).__name__, part.get_config()] for part in parts]
    names = dict.fromkeys(names_within(configs))
    settings = _without_names(configs, {name: f"#{k}" for k, name in enumerate(names)})
    functions = [[name, _function_data(function)] for name, function in _functions(one).items()]
    weights = hashlib.blake2b()
    for part in state or ():
        for variable in part.saved.values():
            weights.update(variable.tobytes())
        for variable, is_trainable in part.exact:
            weights.update(variable.tobytes() + bytes([is_trainable]))
        for content in part.files.values():
            weights.update(content)
    return digest([dtype, plain_data(settings), functions, weights.hexdigest()])[:8]


def _function_data(function: FunctionType) -> list[object]:
    """Return what distinguishes a function from another one of the same name."""
    enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
    return [function.__code__, function.__defaults__, enclosed]


def _functions(one: Any) -> dict[str, FunctionType]:
    """Return the settings that are functions of the user, which `from_config` cannot read."""
    found = {name: getattr(one, name, None) for name in one.get_config()}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, FunctionType) and not is_from_keras(value)
    }


def names_within(config: Any) -> Iterator[str]:
    """Return the names of all layers in a configuration, that of the layer itself included.

    Args:
        config: The result of `get_config`.
    """
    if isinstance(config, list | tuple):
        for part in config:
            yield from names_within(part)
    elif isinstance(config, Mapping):
        if _is_layer_config(config):
            yield str(config["name"])
        yield from names_within(list(config.values()))


def _is_layer_config(config: Mapping[str, Any]) -> bool:
    # an input layer has a batch_shape instead of `trainable`
    return "name" in config and ("trainable" in config or "batch_shape" in config)


def _without_names(config: Any, places: Mapping[str, str], is_wiring: bool = False) -> Any:
    """Replace the names of layers by their places, also where others name them as inputs.

    Args:
        config: The result of `get_config`.
        places: Place of each layer by name.
        is_wiring: Whether this part lists the inputs of a layer.
    """
    if isinstance(config, list | tuple):
        return [_without_names(part, places, is_wiring) for part in config]
    if isinstance(config, Mapping):
        hidden = {"name"} if _is_layer_config(config) else set[str]()
        # an entry of a model repeats the layer's name beside its configuration
        hidden |= {"name"} if "inbound_nodes" in config else set()
        return {
            key: _without_names(part, places, is_wiring or key in WIRING)
            for key, part in config.items()
            if key not in hidden
        }
    return places.get(config, config) if is_wiring and isinstance(config, str) else config


def _state(one: Any) -> State:
    found: State = []
    for part in one._flatten_layers():
        saved: Variables = {}
        part.save_own_variables(saved)
        arrays = {name: _array(value) for name, value in saved.items()}
        exact = [(_array(own.value), bool(own.trainable)) for own in _own_variables(part)]
        found.append(LayerState(arrays, _files(part), exact, part.trainable))
    return found


def _array(value: Any) -> Any:
    return numpy.array(keras.ops.convert_to_numpy(value))


def _own_variables(part: Any) -> list[Any]:
    return [*part._trainable_variables, *part._non_trainable_variables]


def _files(part: Any) -> Files:
    if not hasattr(part, "save_assets"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        part.save_assets(folder)
        return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


def _restore(made: Any, state: State) -> None:
    """Restore the state of a layer and of all layers inside it; one may occur several times."""
    for part, stored in zip(made._flatten_layers(), state, strict=True):
        part.load_own_variables(dict(stored.saved))
        part._trainable = stored.trainable
        for own, (value, is_trainable) in zip(_own_variables(part), stored.exact, strict=True):
            own.assign(value)
            own.trainable = is_trainable
        if stored.files:
            with tempfile.TemporaryDirectory() as folder:
                for name, content in stored.files.items():
                    (Path(folder) / name).write_bytes(content)
                part.load_assets(folder)
