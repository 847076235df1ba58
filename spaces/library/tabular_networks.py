"""Networks for tabular data."""

from collections.abc import Sequence

from ..nodes.composition import Chain, Repeat, Scope, residual
from ..nodes.layer import layer
from ..nodes.node import Node
from ..nodes.space import Space
from ..nodes.values import WIDTH
from .arguments import choice_or_value, integer_or_value, select
from .blocks import NORMALIZATIONS

__all__ = ["tabular"]


def tabular(
    classes: int = 10,
    *,
    depth: int | tuple[int, int] = (1, 4),
    width: int | Sequence[int] = (64, 128, 256),
    expansion: int | Sequence[int] = (1, 2, 4),
    normalization: str | Sequence[str] = ("none", "batch", "layer"),
    activation: str | Sequence[str] = ("relu", "gelu", "selu"),
    dropout: float | Sequence[float] = (0.0, 0.1, 0.3),
    embedding: int | Sequence[int] = (0, 4, 8, 16),
    numeric: str | Sequence[str] = ("standard", "quantile"),
    learning_rate: float | Sequence[float] = (3e-4, 1e-3, 3e-3),
) -> Space:
    """Return a space of residual multilayer perceptrons for tabular data, with their settings.

    A dense layer is followed by residual blocks: normalization, a wider dense layer, activation,
    dropout, and a dense layer back to the common width. Each block has its own decisions. The
    other values (`embedding`, `numeric`, `learning_rate`) are settings of preprocessing and
    training, which `nasbridge.adapters.autogluon.KerasModel` applies.

    Args:
        classes: Number of outputs.
        depth: Number of blocks, or its lower and upper bound.
        width: Units between the blocks, one number or several.
        expansion: Inner width of a block as a multiple of `width`, one or several numbers.
        normalization: "none", "batch", "layer", or several of them.
        activation: Names of activations in Keras, one or several.
        dropout: Dropout rates in [0, 1), one or several.
        embedding: Width of the embedding of a category, one or several; 0 is one-hot encoding.
        numeric: Scaling of numeric features: "standard", "quantile", or both.
        learning_rate: Learning rates, one or several.

    Returns:
        A space with the decisions `width`, `depth`, `normalization.0`, `expansion.0`,
        `activation.0`, `dropout.0`, `normalization.1`, ..., `embedding`, `numeric` and
        `learning_rate`; a property with a single value has no decision.

    Raises:
        SpaceError: A normalization is unknown, or an argument is invalid.

    Example:
        >>> from nasbridge.spaces import library
        >>> space = library.tabular(2, depth=1, normalization="batch", activation="relu")
        >>> space.count()  # width, expansion, dropout; embedding, numeric, learning_rate
        648

    References:
        Gorishniy et al. 2021, Revisiting Deep Learning Models for Tabular Data, arXiv:2106.11959.
    """
    block = _block(expansion, normalization, activation, dropout)
    blocks = Repeat(block, times=integer_or_value(depth, "depth"))
    body = Chain(layer("Flatten"), layer("Dense", units=WIDTH), blocks)
    network = Chain(
        Scope(body, width=choice_or_value(width, "width")),
        layer("Activation", activation="relu"),
        layer("Dense", units=classes, activation="softmax"),
    )
    settings = {"embedding": embedding, "numeric": numeric, "learning_rate": learning_rate}
    values = {name: choice_or_value(value, name) for name, value in settings.items()}
    return Space({"network": network, **values})


def _block(
    expansion: int | Sequence[int],
    normalization: str | Sequence[str],
    activation: str | Sequence[str],
    dropout: float | Sequence[float],
) -> Node:
    """Return one residual block; see `tabular` for the arguments."""
    kinds = select(NORMALIZATIONS, normalization, "normalization")
    factors = [expansion] if isinstance(expansion, int) else expansion
    units = choice_or_value({f"{factor}x": WIDTH * factor for factor in factors}, "expansion")
    return residual(
        choice_or_value(kinds, "normalization"),
        layer("Dense", units=units),
        layer("Activation", activation=choice_or_value(activation, "activation")),
        layer("Dropout", rate=choice_or_value(dropout, "dropout")),
        layer("Dense", units=WIDTH),
    )
