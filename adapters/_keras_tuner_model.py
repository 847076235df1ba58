# pyright: basic
# Keras and Keras Tuner ship no types.
"""A space of networks as a model-building function of Keras Tuner."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import keras_tuner

from ..spaces import Architecture, Searchable, SpaceError
from ._errors import BackendError
from ._fresh import anew, check_configuration
from ._keras_tuner_space import architecture_in

__all__ = ["SpaceModel", "shape_in"]


@final
class SpaceModel(keras_tuner.HyperModel):
    """Builds and compiles the networks of a space.

    Args:
        space: The space.
        input_shape: Shape of one example; None until the data are known.
        part: Which network, where a `Space` of a mapping has several.
        compiling: Arguments of `model.compile`; an optimizer may be a function from the
            architecture to one.
    """

    def __init__(
        self,
        space: Searchable,
        input_shape: tuple[int, ...] | None,
        part: str | None,
        compiling: Mapping[str, Any],
    ) -> None:
        super().__init__()
        for thing in (compiling["optimizer"], compiling["loss"], *compiling["metrics"]):
            check_configuration(thing)
        self.space, self.input_shape, self._part = space, input_shape, part
        self._compiling = compiling

    def build(self, hp: keras_tuner.HyperParameters) -> Any:
        if self.input_shape is None:
            raise BackendError(
                "the shape of the inputs is not known before search(x, y, ...): give "
                "NASTuner(..., input_shape=(28, 28, 1)), the shape of one example"
            )
        architecture = self.architecture(hp)
        model = architecture.build(self.input_shape, self._part)
        optimizer = self._compiling["optimizer"]
        custom = callable(optimizer) and not hasattr(optimizer, "from_config")
        model.compile(
            optimizer=optimizer(architecture) if custom else anew(optimizer),
            loss=anew(self._compiling["loss"]),
            metrics=[anew(metric) for metric in self._compiling["metrics"]],
        )
        return model

    def architecture(self, hp: keras_tuner.HyperParameters) -> Architecture:
        """Return the architecture that hyperparameters describe."""
        return architecture_in(self.space, hp.values)

    def measured(self, hp: keras_tuner.HyperParameters) -> dict[str, float]:
        """Return the size of a network, as objectives may name it."""
        if self.input_shape is None:
            return {}
        try:
            cost = self.architecture(hp).cost(self.input_shape, self._part)
        except SpaceError:  # of values only: it builds no network either, which says more
            return {}
        return {"parameters": float(cost.parameters), "flops": float(cost.flops)}


def shape_in(arguments: Sequence[Any], settings: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Find the shape of one example among what is given to `search`; None where it is not clear.

    Args:
        arguments: Positional ones: inputs, or a dataset.
        settings: Named ones.
    """
    x: Any = arguments[0] if arguments else settings.get("x")
    pair: Any = getattr(x, "element_spec", (None,))  # of a dataset of TensorFlow
    shape = getattr(x, "shape", None) or getattr(pair[0], "shape", None)
    if shape is None or len(shape) < 2 or any(size is None for size in shape[1:]):
        return None
    return tuple(int(size) for size in shape[1:])
