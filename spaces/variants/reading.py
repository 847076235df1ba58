# pyright: basic
# Keras ships no types.
"""Reading a `keras.Model` that is there already: its layers, and how they follow each other."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import SpaceError
from ..keras.layers import is_of_keras, keras
from ..nodes.layer import Layer
from .described import WAY_OUT, described
from .masks import is_own_mask
from .sizes import Flow

__all__ = ["Branches", "Part", "Read", "read"]

OWN_WAYS = ("call", "fit", "train_step", "test_step", "compute_loss", "compute_metrics")
MERGES = {"Add": "add", "Concatenate": "concatenate"}


@dataclass(frozen=True)
class Branches:
    """Parts side by side, and how they are merged.

    Attributes:
        branches: Each in its order; an empty one is a shortcut.
        merge: "add" or "concatenate".
    """

    branches: "tuple[tuple[Part, ...], ...]"
    merge: str


Part = Layer | Branches


class Read(NamedTuple):
    """A model that has been read.

    Attributes:
        parts: Its layers in the order of the data.
        flows: What each of them, by its id, is in the model.
    """

    parts: tuple[Part, ...]
    flows: Mapping[int, Flow]


def read(model: Any) -> Read:
    """Read the layers of a model.

    Args:
        model: A `keras.Sequential` or a functional model with one input and one output.

    Raises:
        SpaceError: It is none, or its layers are not connected as chains and branches.
    """
    if not isinstance(model, keras.Model) or not hasattr(model, "get_layer"):
        raise SpaceError(f"{model!r} is no keras.Model: give one that is Sequential or functional")
    _check_class(model)
    if isinstance(model, keras.Sequential):
        if model._functional is None:
            raise SpaceError(
                f"the model {model.name!r} is not built, so the shapes in it are open: begin it "
                "with keras.Input(shape), or call it on an example first"
            )
        flows = _flows(model._functional)
        ordered = [flows[one.name] for one in model.layers if not _is_input(one)]
        row = tuple(described(*flow) for flow in ordered)
        return Read(row, {id(part): flow for part, flow in zip(row, ordered, strict=True)})
    try:
        if (len(model.inputs), len(model.outputs)) != (1, 1):
            raise ValueError(f"it has {len(model.inputs)} and {len(model.outputs)}")
        last = _last(model.get_config()["output_layers"])
    except Exception as error:  # whatever a class of the user's own makes of it
        raise SpaceError(
            f"the model {model.name!r} cannot be read as one with one input and one output "
            f"({type(error).__name__}: {error}): {WAY_OUT}"
        ) from error
    inputs = _sources(model, last)
    reader = _Reader(model, inputs)
    parts = reader.chain(last, None)
    reader.check()
    return Read(parts, reader.read)


def _check_class(model: Any) -> None:
    """Raise an error if a class of the user trains or calls its models in a way of its own."""
    for name in OWN_WAYS:
        cls = next(cls for cls in type(model).__mro__ if name in vars(cls))
        if not is_of_keras(cls):
            raise SpaceError(
                f"the class {cls.__name__} of the model {model.name!r} has its own {name}(), which "
                "no variant would have: give around(keras.Model(model.inputs, model.outputs)), and "
                "train in the fit() of a keras_tuner.HyperModel, or an evaluator, of your own"
            )


def _flows(network: Any) -> dict[str, Flow]:
    nodes = (node for nodes in network._nodes_by_depth.values() for node in nodes)
    return {
        node.operation.name: Flow(node.operation, node.input_tensors[0], node.output_tensors[0])
        for node in nodes
        if node.input_tensors
    }


def _is_input(one: Any) -> bool:
    return isinstance(one, keras.layers.InputLayer)


def _last(outputs: Any) -> str:
    """Return the name of the output's layer; Keras nests it once or not."""
    if isinstance(outputs, Mapping):
        raise ValueError("it gives a dict, and not a tensor")
    return str(outputs[0] if isinstance(outputs[0], str) else outputs[0][0])


def _sources(network: Any, last: str) -> dict[str, tuple[str, ...]]:
    """Return the names of the layers that flow into each one that leads to the last.

    What makes masks leads to none: in a variant every layer makes and hands on its own.
    """
    nodes: dict[str, list[Any]] = {}
    for depth in network._nodes_by_depth.values():
        for node in depth:
            nodes.setdefault(node.operation.name, []).append(node)
    found: dict[str, tuple[str, ...]] = {}
    open_ = [last]
    while open_:
        name = open_.pop()
        if name not in found:
            found[name] = _inputs(nodes[name])
            open_ += found[name]
    return found


def _inputs(nodes: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of the layers that flow into one, by position or by name."""
    one = nodes[0].operation
    if len(nodes) > 1:
        raise SpaceError(
            f"the layer {one.name!r} is called {len(nodes)} times, and a space has no layer whose "
            f"weights are shared: {WAY_OUT}"
        )
    if _is_input(one):
        return ()
    given = nodes[0].arguments
    named = {k: v for k, v in given.kwargs.items() if k != "mask" or not is_own_mask(v, nodes[0])}
    if isinstance(one, keras.layers.Layer):
        _check_call(one, given.args, named)
    return tuple(t._keras_history.operation.name for t in _tensors([given.args, named]))


def _check_call(one: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise an error if a layer is told more than the tensors that flow into it.

    `training=False` changes nothing: whoever calls the whole network says what holds in it.
    """
    signature = inspect.signature(one.call)
    given = signature.bind(*args, **kwargs).arguments
    first = next(iter(signature.parameters))
    for name, value in given.items():
        if any(True for _ in _tensors(value)):
            is_idle = first in given and name != "mask" and _is_all_tensors(value)
        else:
            default = signature.parameters[name].default
            is_plain = value is None or isinstance(value, bool | int | float | str)
            is_idle = value is None or value is default or (is_plain and value == default)
            is_idle = is_idle or (name == "training" and value is False)
        if not is_idle:
            raise SpaceError(
                f"the layer {one.name!r} ({type(one).__name__}) is called with {name}={value!r}, "
                "which a space cannot say: give a subclass of it whose call() does, or "
                f"{WAY_OUT}"
            )


def _is_all_tensors(value: Any) -> bool:
    """Tell whether tensors of a call stand alone, without constants among them."""
    if isinstance(value, list | tuple):
        return all(map(_is_all_tensors, value))
    return isinstance(value, keras.KerasTensor)


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, keras.KerasTensor):
        yield value
        return
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


class _Reader:
    """Takes a graph of layers apart into chains and branches, from its end."""

    def __init__(self, model: Any, inputs: Mapping[str, tuple[str, ...]]) -> None:
        self._name, self._flows, self._inputs = model.name, _flows(model), inputs
        self.read: dict[int, Flow] = {}  # by the ids of the parts
        self._seen: set[str] = set()
        self._above: dict[str, list[str]] = {}

    def chain(self, last: str, before: str | None) -> tuple[Part, ...]:
        """Return what leads from one layer, itself left out, to another."""
        parts: list[Part] = []
        here = last
        while here != before:
            sources = self._inputs[here]
            if here not in self._flows:  # the input
                break
            if here in self._seen:
                self._refuse(here)
            self._seen.add(here)
            if len(sources) == 1:
                parts.append(described(*self._flows[here]))
                self.read[id(parts[-1])] = self._flows[here]
                here = sources[0]
                continue
            merge = _merge(self._flows[here].layer, len(sources))
            common = [self.above(source) for source in sources]
            start = next(name for name in common[0] if all(name in one for one in common))
            branches = tuple(self.chain(source, start) for source in sources)
            parts.append(Branches(branches, merge))
            here = start
        return tuple(reversed(parts))

    def above(self, name: str) -> list[str]:
        """Return the layers that all that reaches a layer has passed, the nearest first."""
        if name not in self._above:
            ways = [self.above(source) for source in self._inputs[name]]
            shared = [one for one in ways[0] if all(one in way for way in ways)] if ways else []
            self._above[name] = [name, *shared]
        return self._above[name]

    def check(self) -> None:
        """Raise an error if a layer has been passed over."""
        left = {name for name, sources in self._inputs.items() if sources} - self._seen
        if left:
            self._refuse(sorted(left)[0])

    def _refuse(self, name: str) -> None:
        raise SpaceError(
            f"the layers of {self._name!r} are not connected as chains and branches that "
            f"end in one Add or Concatenate, at {name!r}: {WAY_OUT}"
        )


def _merge(one: Any, inputs: int) -> str:
    """Tell how a layer, or an operator, merges what flows in."""
    kind = type(one).__name__
    if kind not in MERGES or not is_of_keras(type(one)):
        raise SpaceError(
            f"the layer {one.name!r} ({kind}) has {inputs} inputs, and only Add and "
            f"Concatenate of Keras may have several: {WAY_OUT}"
        )
    shapes = [tuple(tensor.shape) for tensor in _flat(one._inbound_nodes[0].input_tensors)]
    if kind == "Add" and len(set(shapes)) > 1:
        raise SpaceError(
            f"{one.name!r} adds up {' and '.join(map(str, shapes))}, and a space only what is of "
            f"one shape: {WAY_OUT}"
        )
    if kind == "Concatenate" and one.axis not in (-1, len(shapes[0]) - 1):
        raise SpaceError(
            f"{one.name!r} concatenates along axis {one.axis}, and a space only along the last: "
            f"{WAY_OUT}"
        )
    return MERGES[kind]


def _flat(tensors: Any) -> Iterator[Any]:
    for one in tensors:
        yield from _flat(one) if isinstance(one, list | tuple) else (one,)
