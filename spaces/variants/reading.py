# pyright: basic
# Keras ships no types.
"""Reading a `keras.Model`: its layers, and how they are connected."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import SpaceError
from ..keras.layers import is_from_keras, keras
from .description import ALTERNATIVE, describe
from .masks import is_automatic_mask
from .parts import Branches, Flow, Part

__all__ = ["ReadModel", "read"]

CUSTOM_METHODS = ("call", "fit", "train_step", "test_step", "compute_loss", "compute_metrics")
MERGES = {"Add": "add", "Concatenate": "concatenate"}


class ReadModel(NamedTuple):
    """A model that has been read.

    Attributes:
        parts: Its layers and branches, from input to output.
        flows: For the id of each layer in `parts`, the Keras layer with its input and output.
    """

    parts: tuple[Part, ...]
    flows: Mapping[int, Flow]


def read(model: Any) -> ReadModel:
    """Read the layers of a model.

    Args:
        model: A `keras.Sequential` or a functional model with one input and one output.

    Raises:
        SpaceError: It is another kind of model, or its layers do not form chains and branches.
    """
    if not isinstance(model, keras.Model) or not hasattr(model, "get_layer"):
        raise SpaceError(f"{model!r} is not a keras.Model: pass a Sequential or functional one")
    _check_class(model)
    if isinstance(model, keras.Sequential):
        return _read_sequential(model)
    try:
        if (len(model.inputs), len(model.outputs)) != (1, 1):
            raise ValueError(f"it has {len(model.inputs)} and {len(model.outputs)}")
        last = _last(model.get_config()["output_layers"])
    except Exception as error:  # a class of the user may raise anything
        raise SpaceError(
            f"the model {model.name!r} cannot be read as a model with one input and one output "
            f"({type(error).__name__}: {error}): {ALTERNATIVE}"
        ) from error
    reader = _GraphReader(model, _sources(model, last))
    parts = reader.chain(last, None)
    reader.check_complete()
    return ReadModel(parts, reader.read)


def _read_sequential(model: Any) -> ReadModel:
    if model._functional is None:
        raise SpaceError(
            f"the model {model.name!r} has not been built, so its shapes are unknown: start it "
            "with keras.Input(shape), or call it on an example first"
        )
    flows = _flows(model._functional)
    ordered = [flows[one.name] for one in model.layers if not _is_input(one)]
    row = tuple(describe(flow) for flow in ordered)
    return ReadModel(row, {id(part): flow for part, flow in zip(row, ordered, strict=True)})


def _check_class(model: Any) -> None:
    """Raise SpaceError if a class of the user changes how its models are called or trained."""
    for name in CUSTOM_METHODS:
        cls = next(cls for cls in type(model).__mro__ if name in vars(cls))
        if not is_from_keras(cls):
            raise SpaceError(
                f"the class {cls.__name__} of the model {model.name!r} overrides {name}(), but "
                "variants are plain keras.Models: pass keras.Model(model.inputs, model.outputs) to "
                "variants_of, and train in the fit() of a keras_tuner.HyperModel or in an "
                "evaluator of your own"
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
    """Return the name of the output layer; Keras versions nest the entry once or not at all."""
    if isinstance(outputs, Mapping):
        raise ValueError("it returns a dict instead of a tensor")
    return str(outputs[0] if isinstance(outputs[0], str) else outputs[0][0])


def _sources(network: Any, last: str) -> dict[str, tuple[str, ...]]:
    """Return the names of the inputs of each layer that the last one depends on.

    Operators that only compute masks are not among them: a rebuilt network computes its own masks.
    """
    nodes: dict[str, list[Any]] = {}
    for depth in network._nodes_by_depth.values():
        for node in depth:
            nodes.setdefault(node.operation.name, []).append(node)
    found: dict[str, tuple[str, ...]] = {}
    waiting = [last]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _inputs(nodes[name])
            waiting += found[name]
    return found


def _inputs(nodes: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of a layer's inputs, whether passed by position or by name."""
    one = nodes[0].operation
    if len(nodes) > 1:
        raise SpaceError(
            f"the layer {one.name!r} is called {len(nodes)} times, but layers of a space do not "
            f"share weights: {ALTERNATIVE}"
        )
    if _is_input(one):
        return ()
    passed = nodes[0].arguments
    named = {
        k: v for k, v in passed.kwargs.items() if k != "mask" or not is_automatic_mask(v, nodes[0])
    }
    if isinstance(one, keras.layers.Layer):
        _check_call(one, passed.args, named)
    return tuple(t._keras_history.operation.name for t in _tensors([passed.args, named]))


def _check_call(one: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise SpaceError if a call passes more than the input tensors.

    `training=False` is accepted: a call of the whole network sets `training` for all layers.
    """
    signature = inspect.signature(one.call)
    bound = signature.bind(*args, **kwargs).arguments
    first = next(iter(signature.parameters))
    for name, value in bound.items():
        if any(True for _ in _tensors(value)):
            is_harmless = first in bound and name != "mask" and _is_all_tensors(value)
        else:
            default = signature.parameters[name].default
            is_plain = value is None or isinstance(value, bool | int | float | str)
            is_harmless = value is None or value is default or (is_plain and value == default)
            is_harmless = is_harmless or (name == "training" and value is False)
        if not is_harmless:
            raise SpaceError(
                f"the layer {one.name!r} ({type(one).__name__}) is called with {name}={value!r}, "
                "which a space cannot express: use a subclass whose call() sets it, or "
                f"{ALTERNATIVE}"
            )


def _is_all_tensors(value: Any) -> bool:
    """Return whether an argument consists of symbolic tensors, without constants."""
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


class _GraphReader:
    """Splits a graph of layers into chains and branches, from output to input.

    A merge ends branches that start at the nearest layer that all of them pass through. Every layer
    is visited once; a second visit means that the branches are not nested.
    """

    def __init__(self, model: Any, inputs: Mapping[str, tuple[str, ...]]) -> None:
        self._name, self._flows, self._inputs = model.name, _flows(model), inputs
        self.read: dict[int, Flow] = {}  # by the ids of the parts
        self._visited: set[str] = set()
        self._dominators: dict[str, list[str]] = {}

    def chain(self, last: str, before: str | None) -> tuple[Part, ...]:
        """Return the parts after one layer up to another, which is included."""
        parts: list[Part] = []
        here = last
        while here != before:
            sources = self._inputs[here]
            if here not in self._flows:  # the input
                break
            if here in self._visited:
                self._raise_not_nested(here)
            self._visited.add(here)
            if len(sources) == 1:
                parts.append(describe(self._flows[here]))
                self.read[id(parts[-1])] = self._flows[here]
                here = sources[0]
                continue
            merge = _merge(self._flows[here].layer, len(sources))
            common = [self.dominators(source) for source in sources]
            start = next(name for name in common[0] if all(name in one for one in common))
            branches = tuple(self.chain(source, start) for source in sources)
            parts.append(Branches(branches, merge))
            here = start
        return tuple(reversed(parts))

    def dominators(self, name: str) -> list[str]:
        """Return the layers on every path from the input to a layer, the nearest first."""
        if name not in self._dominators:
            paths = [self.dominators(source) for source in self._inputs[name]]
            shared = (
                [one for one in paths[0] if all(one in path for path in paths)] if paths else []
            )
            self._dominators[name] = [name, *shared]
        return self._dominators[name]

    def check_complete(self) -> None:
        """Raise SpaceError if a layer was not visited."""
        left = {name for name, sources in self._inputs.items() if sources} - self._visited
        if left:
            self._raise_not_nested(sorted(left)[0])

    def _raise_not_nested(self, name: str) -> None:
        raise SpaceError(
            f"the layers of {self._name!r} do not form chains and branches that end in one Add or "
            f"Concatenate, at {name!r}: {ALTERNATIVE}"
        )


def _merge(one: Any, inputs: int) -> str:
    """Return how a layer or operator merges its inputs."""
    kind = type(one).__name__
    if kind not in MERGES or not is_from_keras(type(one)):
        raise SpaceError(
            f"the layer {one.name!r} ({kind}) has {inputs} inputs, but only Add and "
            f"Concatenate of Keras may have several: {ALTERNATIVE}"
        )
    shapes = [tuple(tensor.shape) for tensor in _flat(one._inbound_nodes[0].input_tensors)]
    if kind == "Add" and len(set(shapes)) > 1:
        raise SpaceError(
            f"{one.name!r} adds {' and '.join(map(str, shapes))}, but a space adds equal shapes "
            f"only: {ALTERNATIVE}"
        )
    if kind == "Concatenate" and one.axis not in (-1, len(shapes[0]) - 1):
        raise SpaceError(
            f"{one.name!r} concatenates along axis {one.axis}, but a space concatenates along the "
            f"last axis only: {ALTERNATIVE}"
        )
    return MERGES[kind]


def _flat(tensors: Any) -> Iterator[Any]:
    for one in tensors:
        yield from _flat(one) if isinstance(one, list | tuple) else (one,)
