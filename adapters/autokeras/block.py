# pyright: basic
# AutoKeras and Keras ship no types.
"""`NASBlock`: a space of networks as a block of AutoKeras."""

from typing import Any

import autokeras
import keras
import numpy

from ...engine.errors import BackendError
from ...engine.identity import document_of
from ...spaces import SearchSpace, SpaceError, from_json
from ...spaces.keras import check_layers
from ..keras_tuner.extend import suggest

__all__ = ["NASBlock"]


@keras.saving.register_keras_serializable("nasbridge")
class NASBlock(autokeras.Block):
    """A block of AutoKeras whose networks come from a space.

    It connects AutoKeras' inputs, heads and other blocks. Every tuner of AutoKeras can search it;
    `NASTuner` searches it with a strategy of nasbridge. A network accepts the shape of its input,
    and the head reduces and projects the output, so the space needs no last layer.

    Args:
        space: A space of networks.
        part: The name of the network, if a `Space` of a mapping has several.
        name: The prefix of its hyperparameters; required if a model has several blocks.
        **kwargs: As for every block.

    Raises:
        BackendError: The space does not describe a network.
        UnknownLayer: Keras does not know a layer of the space, or a setting of it.

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
            drawn = space.unconstrained().sample(numpy.random.default_rng(0))
            is_plain = drawn.hierarchical_graph(part).graph.is_plain
        except SpaceError as error:
            raise BackendError(f"the space of NASBlock {name!r} is invalid: {error}") from error
        if not is_plain:
            raise BackendError(
                f"the space of NASBlock {name!r} has named inputs or outputs, but a block has one "
                "of each: merge the inputs with autokeras.Merge() before the block, and connect a "
                "head for each output after it"
            )
        check_layers(space, part)
        self.space, self.part = space, part

    def get_config(self) -> dict[str, Any]:
        """Return the configuration; a space with functions of the user is stored as None."""
        return {**super().get_config(), "space": document_of(self.space), "part": self.part}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "NASBlock":
        """Restore a saved block.

        Raises:
            BackendError: Its space holds functions, which JSON cannot represent.
        """
        if config["space"] is None:
            raise BackendError(
                f"the space of block {config['name']!r} was not saved, because it holds functions "
                "or classes, which JSON cannot represent: create NASBlock(space) again"
            )
        return cls(**{**config, "space": from_json(config["space"])})

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Build a network, and call it on the inputs.

        Args:
            hp: The hyperparameters, which determine the network.
            inputs: The output of the block before.
        """
        sources = keras.tree.flatten(inputs)
        if len(sources) != 1:
            raise BackendError(
                f"NASBlock {self.name!r} has {len(sources)} inputs, but accepts one: merge them "
                "with autokeras.Merge() before the block"
            )
        shape = tuple(sources[0].shape[1:])
        if None in shape:
            raise BackendError(
                f"the input of NASBlock {self.name!r} has the shape {shape}, with unknown sizes: "
                "put a block before it that fixes them, as autokeras.SpatialReduction()"
            )
        network = suggest(hp, self.space).build(shape, self.part, name=self.name)
        return network(sources[0])
