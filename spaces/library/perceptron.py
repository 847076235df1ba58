"""Multilayer perceptrons."""

from collections.abc import Sequence

from ..nodes.composition import Chain, Repeat
from ..nodes.layer import layer
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION
from .parts import between, one_of, some_of

__all__ = ["mlp"]

_NORMALIZATIONS: dict[str, Node] = {
    "none": layer("Identity"),
    "batch": NORMALIZATION,
    "layer": layer("LayerNormalization"),
}


def mlp(
    classes: int = 10,
    *,
    depth: int | tuple[int, int] = (1, 4),
    units: int | Sequence[int] = (32, 64, 128, 256),
    normalization: str | Sequence[str] = ("none", "batch", "layer"),
    activation: str | Sequence[str] = ("relu", "gelu", "tanh"),
    dropout: float | Sequence[float] = (0.0, 0.2, 0.4),
) -> Chain:
    """Return a space of multilayer perceptrons, for tables and small images.

    Each hidden layer chooses its units; normalization, activation and dropout are one for all.

    Args:
        classes: Number of outputs.
        depth: Number of hidden layers, or the least and the largest.
        units: Units of a hidden layer, one number or several.
        normalization: "none", "batch", "layer", or several of them.
        activation: Names of activations in Keras, one or several.
        dropout: Dropout rates from 0 to below 1, one or several.

    Returns:
        A space with the decisions `depth`, `units.0`, `normalization`, `activation`, `dropout`,
        `units.1`, ..., as far as they are open.

    Raises:
        SpaceError: A normalization is unknown, or an argument has no meaning.

    Example:
        >>> from nasbridge.spaces import library
        >>> space = library.mlp(depth=(1, 2), units=(16, 32), activation="relu", dropout=0.0)
        >>> space.count()  # (2 + 4) x 3
        18
    """
    kinds = some_of(_NORMALIZATIONS, normalization, "normalization")
    hidden = Chain(
        layer("Dense", units=one_of(units, "units")),
        one_of(kinds, "normalization", shared=True),
        layer("Activation", activation=one_of(activation, "activation", shared=True)),
        layer("Dropout", rate=one_of(dropout, "dropout", shared=True)),
    )
    return Chain(
        layer("Flatten"),
        Repeat(hidden, times=between(depth, "depth")),
        layer("Dense", units=classes, activation="softmax"),
    )
