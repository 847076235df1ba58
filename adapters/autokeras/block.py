# pyright: basic
# AutoKeras and Keras ship no types.
"""`NASBlock`: a space of ours as a block of AutoKeras."""

from typing import Any

import autokeras
import keras
import numpy

from ...engine.errors import BackendError
from ...spaces import SearchSpace, SpaceError, from_json
from ..keras_tuner.history import document_of
from ..keras_tuner.space import suggest

__all__ = ["NASBlock"]


@keras.saving.register_keras_serializable("nasbridge")
class NASBlock(autokeras.Block):
    """A block of AutoKeras whose networks are those of a space.

    It stands between AutoKeras' inputs, heads and other blocks. Every tuner of AutoKeras can search
    it; with `NASTuner` a strategy of nasbridge does. A network takes the shape that flows in, and
    the head reduces and projects what flows out, so that the space needs no last layer.

    Args:
        space: A space of networks.
        part: Which network, where a `Space` of a mapping has several.
        name: What its hyperparameters begin with; needed where a model has several blocks.
        **kwargs: As for every block.

    Raises:
        BackendError: The space describes no network.

    Example:
        >>> import autokeras
        >>> from nasbridge import Chain, Integer, layer
        >>> from nasbridge.adapters.autokeras import NASBlock
        >>> space = Chain(layer("Dense", units=Integer(4, 64)), layer("ReLU"))
        >>> hidden = NASBlock(space)(autokeras.Input())
        >>> output = autokeras.RegressionHead()(hidden)
    """

    def __init__(
        self, space: SearchSpace, part: str | None = None, name: str = "nas_block", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not isinstance(space, SearchSpace):
            raise BackendError(f"NASBlock takes a space of networks, not {space!r}")
        try:
            space.unconstrained().sample(numpy.random.default_rng(0)).hierarchical_graph(part)
        except SpaceError as error:
            raise BackendError(f"the space of NASBlock {name!r} will not do: {error}") from error
        self.space, self.part = space, part

    def get_config(self) -> dict[str, Any]:
        """Return what AutoKeras saves; of a space with functions of the user's, no document."""
        return {**super().get_config(), "space": document_of(self.space), "part": self.part}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "NASBlock":
        """Make the block that was saved.

        Raises:
            BackendError: Its space holds functions, which JSON cannot carry.
        """
        if config["space"] is None:
            raise BackendError(
                f"the space of block {config['name']!r} was not saved, for it holds functions or "
                "classes, which JSON cannot carry: make NASBlock(space) anew"
            )
        return cls(**{**config, "space": from_json(config["space"])})

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Build a network, and call it.

        Args:
            hp: The hyperparameters, which choose it.
            inputs: What flows in.
        """
        sources = keras.tree.flatten(inputs)
        if len(sources) != 1:
            raise BackendError(
                f"NASBlock {self.name!r} has {len(sources)} inputs, and takes one: merge them "
                "before, with autokeras.Merge()"
            )
        shape = tuple(sources[0].shape[1:])
        if None in shape:
            raise BackendError(
                f"what flows into NASBlock {self.name!r} has the shape {shape}, in which sizes are "
                "open: put a block before it that fixes them, as autokeras.SpatialReduction()"
            )
        network = suggest(hp, self.space).build(shape, self.part, name=self.name)
        return network(sources[0])
