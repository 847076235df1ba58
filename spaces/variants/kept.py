# pyright: basic
# Keras ships no types.
"""Copies: models and layers that are kept as they are, or that only their own class can make."""

import copy
import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar, NamedTuple

import numpy

from ..errors import SpaceError
from ..graph.graph import Operation
from ..hashing import digest, plain_data
from ..keras.layers import is_of_keras, keras
from ..nodes.layer import Layer, layer

__all__ = ["Kept", "dtype_taken", "keep", "names_within", "remake"]

WIRING = {"inbound_nodes", "input_layers", "output_layers"}

Variables = dict[str, Any]
Files = dict[str, bytes]


class Part(NamedTuple):
    """What is known of a layer, or of one within it.

    Attributes:
        saved: The variables that Keras saves of it.
        files: What Keras saves of it that is no variable, as a vocabulary.
        exact: All variables of its own, and whether each is trained: Keras merges what LoRA has
            learned when it saves.
        trainable: Whether it is trained.
    """

    saved: Variables
    files: Files
    exact: list[tuple[Any, bool]]
    trainable: bool


State = list[Part]


class Kept(keras.layers.Layer):
    """Base of classes whose instances are copies of one model or layer.

    Attributes:
        kind: The class of the original.
        dtype_taken: The type of the numbers, or texts, that it takes.
        has_state: Copies have its weights, too.
    """

    kind: ClassVar[type]
    dtype_taken: ClassVar[str]
    has_state: ClassVar[bool]


def dtype_taken(operation: Operation) -> str | None:
    """Return the type of what a layer takes if it is a copy; None for all others: floats."""
    module, _, name = operation.name.rpartition(":")
    cls: Any = globals().get(name) if module == __name__ else None
    return getattr(cls, "dtype_taken", None)


def keep(one: Any, taken: Any) -> Layer:
    """Return a layer that is a copy of a model or layer, weights and `trainable` included.

    Every network has a copy of its own, an ordinary model or layer of Keras, so that no training
    sees what another one has done. A document of the space names it, and does not hold it.

    Args:
        one: A model or layer with weights.
        taken: The symbolic tensor that flows into it.

    Raises:
        SpaceError: Keras cannot copy it.
    """
    return _copied(one, taken, with_state=True)


def remake(one: Any, taken: Any) -> Layer:
    """Return a layer that is made as its class says in `from_config`, with fresh weights.

    Args:
        one: A layer.
        taken: The symbolic tensor that flows into it.

    Raises:
        SpaceError: Keras cannot make it.
    """
    return _copied(one, taken, with_state=False)


def _copied(one: Any, taken: Any, with_state: bool) -> Layer:
    is_model = isinstance(one, keras.Model)
    kind = re.sub(r"[^A-Za-z]+", "_", one.name).strip("_") or "model"  # automatic names are counted
    try:
        state = _state(one) if with_state else None
        dtype = keras.backend.standardize_dtype(taken.dtype)
        name = f"{kind if is_model else type(one).__name__}_{_identity(one, state, dtype)}"
        known = globals().get(name)  # where documents and other processes look for it
        if known is None or known.kind is not type(one):  # a notebook may define a class anew
            globals()[name] = _class_of(one, tuple(taken.shape), dtype, state, name)
    except Exception as error:  # whatever a class of the user's own makes of it
        what, instead = f"the layer {one.name!r} ({type(one).__name__})", "or use another layer"
        if is_model:
            what = f"the model {one.name!r}, which stands as a layer,"
            instead = "or call its layers instead"
        raise SpaceError(
            f"{what} cannot be copied ({type(error).__name__}: {error}): let its get_config() say "
            f"how, {instead}"
        ) from error
    return layer(globals()[name])


def _class_of(
    one: Any, shape: Sequence[int | None], dtype: str, state: State | None, name: str
) -> type:
    config, functions = copy.deepcopy(one.get_config()), _functions(one)
    make = type(one) if functions else type(one).from_config

    class Copied(Kept):
        kind, dtype_taken, has_state = type(one), dtype, state is not None

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
    else:  # what it consists of is built where it is called
        made(keras.KerasTensor(shape, dtype))
        made._inbound_nodes.clear()  # of a network that it is no part of


# ---------------------------------------------------------------- what is known of one


def _identity(one: Any, state: State | None, dtype: str) -> str:
    """Tell models and layers apart, in every process alike: automatic names count for nothing."""
    parts = one.layers if isinstance(one, keras.Model) else [one]
    configs = [[type(part).__name__, part.get_config()] for part in parts]
    names = dict.fromkeys(names_within(configs))
    settings = _nameless(configs, {name: f"#{k}" for k, name in enumerate(names)})
    told = [[name, _told(function)] for name, function in _functions(one).items()]
    weights = hashlib.blake2b()
    for part in state or ():
        for variable in part.saved.values():
            weights.update(variable.tobytes())
        for variable, is_trained in part.exact:
            weights.update(variable.tobytes() + bytes([is_trained]))
        for content in part.files.values():
            weights.update(content)
    return digest([dtype, plain_data(settings), told, weights.hexdigest()])[:8]


def _told(function: FunctionType) -> list[object]:
    """Return what tells a function from another one of its name."""
    enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
    return [function.__code__, function.__defaults__, enclosed]


def _functions(one: Any) -> dict[str, FunctionType]:
    """Return the settings that are functions of the user, which Keras does not read back."""
    found = {name: getattr(one, name, None) for name in one.get_config()}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, FunctionType) and not is_of_keras(value)
    }


def names_within(config: Any) -> Iterator[str]:
    """Return the names of the layers in a configuration, its own included.

    Args:
        config: What `get_config` says.
    """
    if isinstance(config, list | tuple):
        for part in config:
            yield from names_within(part)
    elif isinstance(config, Mapping):
        if _is_of_layer(config):
            yield str(config["name"])
        yield from names_within(list(config.values()))


def _is_of_layer(config: Mapping[str, Any]) -> bool:
    return "name" in config and ("trainable" in config or "batch_shape" in config)  # an input's


def _nameless(config: Any, places: Mapping[str, str], is_wiring: bool = False) -> Any:
    """Let layers be known by their places, also where others name them as their inputs.

    Args:
        config: What `get_config` says.
        places: The layers' places by their names.
        is_wiring: Whether this part says which layers flow into others.
    """
    if isinstance(config, list | tuple):
        return [_nameless(part, places, is_wiring) for part in config]
    if isinstance(config, Mapping):
        hidden = {"name"} if _is_of_layer(config) else set[str]()
        # beside its configuration an entry of a model has the layer's name, too
        hidden |= {"name"} if "inbound_nodes" in config else set()
        return {
            key: _nameless(part, places, is_wiring or key in WIRING)
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
        exact = [(_array(own.value), bool(own.trainable)) for own in _own(part)]
        found.append(Part(arrays, _files(part), exact, part.trainable))
    return found


def _array(value: Any) -> Any:
    return numpy.array(keras.ops.convert_to_numpy(value))


def _own(part: Any) -> list[Any]:
    return [*part._trainable_variables, *part._non_trainable_variables]


def _files(part: Any) -> Files:
    """Return what a layer saves that is no variable, as a vocabulary."""
    if not hasattr(part, "save_assets"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        part.save_assets(folder)
        return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


def _restore(made: Any, state: State) -> None:
    """Give a layer and those within it their state, each its own: one may stand in several."""
    for part, kept in zip(made._flatten_layers(), state, strict=True):
        part.load_own_variables(dict(kept.saved))
        part._trainable = kept.trainable
        for own, (value, is_trained) in zip(_own(part), kept.exact, strict=True):
            own.assign(value)
            own.trainable = is_trained
        if kept.files:
            with tempfile.TemporaryDirectory() as folder:
                for name, content in kept.files.items():
                    (Path(folder) / name).write_bytes(content)
                part.load_assets(folder)
