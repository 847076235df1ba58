# pyright: basic
# Keras ships no types.
"""Reading a `keras.Model`: its layers, and how they are connected."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import SpaceError
from ..keras.layers import is_from_keras, keras
from ..nodes.layer import Layer
from .calls import calls_of, flows_of
from .description import ALTERNATIVE, describe, describe_merge
from .graph_reader import ENTRANCE, ONLY, GraphReader
from .names import given_name
from .parts import Flow, Part

__all__ = ["ReadModel", "read"]

CUSTOM_METHODS = ("call", "fit", "train_step", "test_step", "compute_loss", "compute_metrics")


class ReadModel(NamedTuple):
    """A model that has been read.

    Attributes:
        parts: Its layers and branches, from input to output; one `Wired` for a model with several
            inputs or outputs.
        flows: For the id of each layer in `parts`, the Keras layer with its input and output.
        names: For the id of each layer and merge, the name of the Keras layer.
        layers: The Keras layers by name.
        ordered: Which of "inputs" and "outputs" with names are lists instead of dicts.
    """

    parts: tuple[Part, ...]
    flows: Mapping[int, Flow]
    names: Mapping[int, str]
    layers: Mapping[str, Any]
    ordered: tuple[str, ...]


def read(model: Any) -> ReadModel:
    """Read the layers of a model.

    Args:
        model: A `keras.Sequential` or a functional model.

    Raises:
        SpaceError: It is another kind of model, or a layer cannot be read.
    """
    if not isinstance(model, keras.Model):
        raise SpaceError(f"{model!r} is not a keras.Model: pass a Sequential or functional one")
    _check_class(model)
    if not hasattr(model, "get_layer") or not hasattr(model, "_nodes_by_depth"):
        if not isinstance(model, keras.Sequential):
            raise SpaceError(
                f"the model {model.name!r} ({type(model).__name__}) is subclassed, so its layers "
                "are connected by code: build it from keras.Input with the functional API, or "
                f"{ALTERNATIVE}"
            )
        if model._functional is None:
            raise SpaceError(
                f"the model {model.name!r} has not been built, so its shapes are unknown: start it "
                "with keras.Input(shape), or call it on an example first"
            )
        model = model._functional
    try:
        structs = {"inputs": model._inputs_struct, "outputs": model._outputs_struct}
        inputs, ends = (_named_tensors(struct, kind[:-1]) for kind, struct in structs.items())
    except Exception as error:  # a class of the user may raise anything
        raise SpaceError(
            f"the inputs and outputs of the model {model.name!r} cannot be read "
            f"({type(error).__name__}: {error}): {ALTERNATIVE}"
        ) from error
    ordered = tuple(k for k, struct in structs.items() if isinstance(struct, list | tuple))
    return _Reading(model).read(ends, inputs, ordered)


def _check_class(model: Any) -> None:
    """Raise SpaceError if a class of the user changes how its models are called or trained."""
    for name in CUSTOM_METHODS:
        cls = next(cls for cls in type(model).__mro__ if name in vars(cls))
        if is_from_keras(cls):
            continue
        if name == "call" and not hasattr(model, "_nodes_by_depth"):
            continue  # a subclassed model, which `read` reports
        raise SpaceError(
            f"the class {cls.__name__} of the model {model.name!r} overrides {name}(), but "
            "variants are plain keras.Models: pass keras.Model(model.inputs, model.outputs) to "
            "variants_of, and train in the fit() of a keras_tuner.HyperModel or in an "
            "evaluator of your own"
        )


def _named_tensors(struct: Any, kind: str) -> dict[str, str]:
    """Return the layers that make the inputs or outputs, by name.

    A dict of tensors gives the names; a list has those of its layers, and a tensor has none.
    """
    if isinstance(struct, Mapping):
        named = sorted(struct.items())  # the order in which Keras lists them
    elif isinstance(struct, list | tuple):
        named = [(_label(tensor, kind, k), tensor) for k, tensor in enumerate(struct)]
    else:
        named = [("", struct)]
    if len(named) == 1 and (kind == "input" or not isinstance(struct, Mapping)):
        named = [("", named[0][1])]
    for name, tensor in named:
        if not isinstance(tensor, keras.KerasTensor):
            raise ValueError(f"{name!r} is {tensor!r} instead of a tensor")
    found = {name: _origin(tensor) for name, tensor in named}
    if len(set(found.values())) < len(named):
        raise ValueError("one tensor is given twice")
    return found


def _label(tensor: Any, kind: str, number: int) -> str:
    one = tensor._keras_history.operation
    return given_name(one.name, one) or f"{kind}_{number}"


def _origin(tensor: Any) -> str:
    return str(tensor._keras_history.operation.name)


class _Reading:
    """One reading of a functional model."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._layers = flows_of(model)
        self._flows: dict[int, Flow] = {}

    def read(
        self, ends: Mapping[str, str], inputs: Mapping[str, str], ordered: tuple[str, ...]
    ) -> ReadModel:
        """Read the layers between inputs and outputs, given by name."""
        outputs = list(ends.values())
        calls = calls_of(self._model, outputs)
        for name, call in calls.items():
            if call.sources:  # without masks, which Keras computes
                self._layers[name] = self._layers[name]._replace(inputs=call.tensors)
        reader = GraphReader(calls, outputs, self._describe, self._describe_merge)
        starts = {layer: name for name, layer in inputs.items()}
        unused = [name or layer for layer, name in starts.items() if layer not in calls]
        if unused:
            raise SpaceError(
                f"the input {unused[0]!r} of the model {self._model.name!r} leads to no output: "
                "remove it"
            )
        if list(ends) == list(inputs) == [""]:
            parts: tuple[Part, ...] = reader.chain(ends[""], inputs[""])
        else:
            parts = (reader.wired(_labels(ends, ONLY), _swapped(_labels(inputs, ENTRANCE))),)
        layers = {name: flow.layer for name, flow in self._layers.items()}
        return ReadModel(parts, self._flows, reader.names, layers, ordered)

    def _describe(self, name: str) -> Layer:
        flow = self._layers[name]
        found = describe(flow)
        self._flows[id(found)] = flow
        return found

    def _describe_merge(self, name: str, arguments: tuple[str, ...]) -> "str | Layer":
        flow = self._layers[name]
        found = describe_merge(flow, arguments)
        if isinstance(found, Layer):
            self._flows[id(found)] = flow
        return found


def _labels(named: Mapping[str, str], otherwise: str) -> dict[str, str]:
    return {name or otherwise: layer for name, layer in named.items()}


def _swapped(named: Mapping[str, str]) -> dict[str, str]:
    return {layer: name for name, layer in named.items()}
