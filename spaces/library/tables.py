"""Networks for tables."""

from collections.abc import Sequence

from ..nodes.composition import Chain, Repeat, Scope, residual
from ..nodes.layer import layer
from ..nodes.node import Node
from ..nodes.primitives import NORMALIZATION
from ..nodes.space import Space
from ..nodes.values import WIDTH
from .parts import between, one_of, some_of

__all__ = ["tabular"]

_NORMALIZATIONS: dict[str, Node] = {
    "none": layer("Identity"),
    "batch": NORMALIZATION,
    "layer": layer("LayerNormalization"),
}


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
    """Return a space of residual multilayer perceptrons for tables, with what they need beside.

    A dense layer of the common width, then blocks that are added to what flows past them:
    normalization, a wider dense layer, activation, dropout, and a dense layer back; each block
    chooses its own. The values beside the network are for whoever trains it, as
    `nasbridge.adapters.autogluon.KerasModel` does.

    Args:
        classes: Number of outputs.
        depth: Number of blocks, or the least and the largest.
        width: Units of what flows past the blocks, one number or several.
        expansion: How many times as many units a block has inside, one number or several.
        normalization: "none", "batch", "layer", or several of them.
        activation: Names of activations in Keras, one or several.
        dropout: Dropout rates from 0 to below 1, one or several.
        embedding: Width of the embedding of each category, one or several; 0 for one input each.
        numeric: How numbers are scaled: "standard" or "quantile", or both.
        learning_rate: One or several.

    Returns:
        A space with the decisions `width`, `depth`, `normalization.0`, `expansion.0`,
        `activation.0`, `dropout.0`, `normalization.1`, ..., `embedding`, `numeric` and
        `learning_rate`, as far as they are open.

    Raises:
        SpaceError: A normalization is unknown, or an argument has no meaning.

    Example:
        >>> from nasbridge.spaces import library
        >>> space = library.tabular(2, depth=1, normalization="batch", activation="relu")
        >>> space.count()  # width, expansion, dropout; embedding, numeric, learning_rate
        648

    References:
        Gorishniy et al. 2021, Revisiting Deep Learning Models for Tabular Data, arXiv:2106.11959.
    """
    blocks = Repeat(
        _block(expansion, normalization, activation, dropout), times=between(depth, "depth")
    )
    body = Chain(layer("Flatten"), layer("Dense", units=WIDTH), blocks)
    network = Chain(
        Scope(body, width=one_of(width, "width")),
        layer("Activation", activation="relu"),
        layer("Dense", units=classes, activation="softmax"),
    )
    beside = {"embedding": embedding, "numeric": numeric, "learning_rate": learning_rate}
    return Space({"network": network, **{n: one_of(v, n) for n, v in beside.items()}})


def _block(
    expansion: int | Sequence[int],
    normalization: str | Sequence[str],
    activation: str | Sequence[str],
    dropout: float | Sequence[float],
) -> Node:
    """Describe what is added to what flows past: see `tabular` for the arguments."""
    kinds = some_of(_NORMALIZATIONS, normalization, "normalization")
    factors = [expansion] if isinstance(expansion, int) else expansion
    units = one_of({f"{factor}x": WIDTH * factor for factor in factors}, "expansion")
    return residual(
        one_of(kinds, "normalization"),
        layer("Dense", units=units),
        layer("Activation", activation=one_of(activation, "activation")),
        layer("Dropout", rate=one_of(dropout, "dropout")),
        layer("Dense", units=WIDTH),
    )
