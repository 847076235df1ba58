# pyright: basic
# Keras and Keras Tuner ship no types.
"""A space of networks as a hypermodel of Keras Tuner."""

from collections.abc import Mapping, Sequence
from typing import Any, cast, final

import keras
import keras_tuner
import numpy

from ...engine.errors import BackendError
from ...evaluators.copies import check_configuration, fresh_copy
from ...spaces import Architecture, InputShape, SearchSpace, SpaceError
from ...spaces.keras import build, check_layers
from .space import architecture_in

__all__ = ["SpaceModel", "shape_in"]

STANDARD = {
    "optimizer": "adam",
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
}


@final
class SpaceModel(keras_tuner.HyperModel):
    """Builds and compiles the networks of a space.

    Args:
        space: The space.
        input_shape: Shape of one example, or shapes by name; None until the data are known. The
            variants of a model have its shape.
        part: The name of the network, if a `Space` of a mapping has several.
        compiling: Arguments of `model.compile`, with None for the default; the optimizer may be a
            function from the architecture to an optimizer.
    """

    def __init__(
        self,
        space: SearchSpace,
        input_shape: InputShape | None,
        part: str | None,
        compiling: Mapping[str, Any],
    ) -> None:
        super().__init__()
        given = {name: value for name, value in compiling.items() if value is not None}
        self._compiling = {**(_noted(space, part, "compiling") or STANDARD), **given}
        check_configuration(self._compiling)
        check_layers(space, part)
        self.space, self._part = space, part
        self.input_shape: InputShape | None = input_shape
        noted = _noted(space, part, "input_shape")
        sizes = noted.values() if isinstance(noted, Mapping) else [noted or ()]
        self._noted: Any = None if any(None in size for size in sizes) else noted
        self._input_name = _noted(space, part, "input_name")
        if input_shape is None:
            self.input_shape = self._noted

    def build(self, hp: keras_tuner.HyperParameters) -> Any:
        if self.input_shape is None:
            raise BackendError(
                "the shape of the inputs is unknown before search(x, y, ...): give "
                "NASTuner(..., input_shape=(28, 28, 1)), the shape of one example"
            )
        architecture = self.architecture(hp)
        name, graph = f"architecture_{architecture.key}", architecture.graph(self._part)
        model = build(graph, self.input_shape, name, self._input_name)
        settings = fresh_copy(self._compiling)
        optimizer = settings["optimizer"]
        if callable(optimizer) and not hasattr(optimizer, "from_config"):
            settings["optimizer"] = optimizer(architecture)
        model.compile(**settings)
        return model

    def take_shape(self, found: InputShape | None) -> None:
        """Set the input shape to that of the data, or of the model whose variants are searched.

        If the model's shape has one axis more or less, Keras adds or removes it.

        Args:
            found: The shape of one example in the data, or shapes by name; None if it is unknown.
        """
        if isinstance(self._noted, Mapping):
            self.input_shape = self._noted
        elif isinstance(found, Mapping) and not self._has_named_inputs():
            return
        elif found is not None and (self._noted is None or len(found) == len(self._noted)):
            self.input_shape = found
        elif self._noted is not None:
            self.input_shape = self._noted

    def _has_named_inputs(self) -> bool:
        drawn = self.space.unconstrained().sample(numpy.random.default_rng(0))
        return bool(drawn.hierarchical_graph(self._part).graph.input_names)

    def architecture(self, hp: keras_tuner.HyperParameters) -> Architecture:
        """Return the architecture that the hyperparameters describe."""
        return architecture_in(self.space, hp.values)

    def measured(self, hp: keras_tuner.HyperParameters) -> dict[str, float]:
        """Return the sizes of a network, which objectives may name."""
        if self.input_shape is None:
            return {}
        try:
            cost = self.architecture(hp).cost(self.input_shape, self._part)
        except SpaceError:  # building the network raises a better error
            return {}
        return {"parameters": float(cost.parameters), "flops": float(cost.flops)}


def _noted(space: Any, part: str | None, name: str) -> Any:
    """Return an attribute of the `variants_of` in a space, or in a part of it; None without one."""
    tree = getattr(space, "tree", space)  # the tree inside a space with constraints
    networks: list[Any] = [tree]
    if isinstance(tree, Mapping):
        networks = [one for key, one in tree.items() if part in (None, key)]
    return next(filter(None, (getattr(one, name, None) for one in networks)), None)


def shape_in(arguments: Sequence[Any], settings: Mapping[str, Any]) -> InputShape | None:
    """Return the shape of one example in the arguments of `search`; None if it is unknown.

    Inputs that are a dict have a dict of shapes.

    Args:
        arguments: Positional arguments: inputs, or a dataset.
        settings: Keyword arguments.
    """
    x = _inputs_of(arguments[0] if arguments else settings.get("x"))
    if isinstance(x, Mapping):
        shapes = {name: _example_shape(part) for name, part in x.items()}
        return None if None in shapes.values() else cast(InputShape, shapes)
    return _example_shape(x)


def _example_shape(x: Any) -> tuple[int, ...] | None:
    shape: Any = getattr(x, "shape", None)
    if shape is None or getattr(shape, "rank", 0) is None:  # such as a dataset of structures
        return None
    if len(shape) < 2 or any(size is None for size in shape[1:]):
        return None
    return tuple(int(size) for size in shape[1:])


def _inputs_of(x: Any) -> Any:
    """Return a batch of inputs, or its specification, from any data that `model.fit` accepts."""
    if isinstance(x, keras.utils.PyDataset):
        given: Any = cast(Any, x)[0]
    elif hasattr(x, "element_spec"):  # a dataset of TensorFlow
        given = x.element_spec
    else:
        return x
    return given[0] if isinstance(given, tuple | list) else given
