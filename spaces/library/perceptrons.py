"""Multilayer perceptrons."""

from collections.abc import Sequence

from ..nodes.composition import Chain, Repeat
from ..nodes.layer import layer
from .arguments import choice_or_value, integer_or_value, select
from .blocks import NORMALIZATIONS

__all__ = ["mlp"]


def mlp(
    classes: int = 10,
    *,
    depth: int | tuple[int, int] = (1, 4),
    units: int | Sequence[int] = (32, 64, 128, 256),
    normalization: str | Sequence[str] = ("none", "batch", "layer"),
    activation: str | Sequence[str] = ("relu", "gelu", "tanh"),
    dropout: float | Sequence[float] = (0.0, 0.2, 0.4),
) -> Chain:
    """Return a space of multilayer perceptrons for tabular data and small images.

    Each hidden layer has its own number of units. All share one normalization, activation and
    dropout rate.

    Args:
        classes: Number of outputs.
        depth: Number of hidden layers, or its lower and upper bound.
        units: Units of a hidden layer, one number or several.
        normalization: "none", "batch", "layer", or several of them.
        activation: Names of activations in Keras, one or several.
        dropout: Dropout rates in [0, 1), one or several.

    Returns:
        A space with the decisions `depth`, `units.0`, `normalization`, `activation`, `dropout`,
        `units.1`, ...; a property with a single value has no decision.

    Raises:
        SpaceError: A normalization is unknown, or an argument is invalid.

    Example:
        >>> from nasbridge.spaces import library
        >>> space = library.mlp(depth=(1, 2), units=(16, 32), activation="relu", dropout=0.0)
        >>> space.count()  # (2 + 4) x 3
        18
    """
    kinds = select(NORMALIZATIONS, normalization, "normalization")
    function = choice_or_value(activation, "activation", shared=True)
    hidden = Chain(
        layer("Dense", units=choice_or_value(units, "units")),
        choice_or_value(kinds, "normalization", shared=True),
        layer("Activation", activation=function),
        layer("Dropout", rate=choice_or_value(dropout, "dropout", shared=True)),
    )
    return Chain(
        layer("Flatten"),
        Repeat(hidden, times=integer_or_value(depth, "depth")),
        layer("Dense", units=classes, activation="softmax"),
    )
