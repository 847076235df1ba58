"""The variants of a network that a user already has."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import SpaceError

if TYPE_CHECKING:
    from ..nodes.composition import Chain

__all__ = [
    "variants_of",
]

NORMALIZATIONS = ("batch", "layer", "none")


def variants_of(
    model: Any,
    *,
    widths: Sequence[float] = (0.5, 1.5, 2),
    kernels: Sequence[int] = (3, 5),
    activations: Sequence[str] = ("relu", "gelu", "silu"),
    normalizations: Sequence[str] = ("batch", "none"),
    deeper: int = 2,
    skips: bool = True,
) -> "Chain":
    """Return the space of the variants of a model that is there already.

    The model itself is the first member: of every decision, the first option is what it has. What
    gives the outputs stays, and, with their weights, models within it and frozen or adapted layers.
    Widths and kernel sizes are chosen for each layer; the activation and the normalization for all
    layers that are alike; depth and shortcut, for each block that comes several times in a row.

    Args:
        model: A `keras.Sequential`, or a functional model with one input and one output; it needs
            to be built and not to be trained, and is not changed.
        widths: Multiples of a layer's units or filters, above 0; empty to leave widths alone.
        kernels: Sizes of square kernels, where the padding is "same" and the kernel is not 1.
        activations: Names in `keras.activations`, for hidden layers.
        normalizations: "batch", "layer" and "none".
        deeper: How many more times a repeated block may come, at least 0; it may also come less
            often. 0 leaves the depth alone.
        skips: Whether shortcuts around blocks may be added and taken away.

    Returns:
        The space, without the input.

    Raises:
        SpaceError: The model is no such model, cannot be made again, or an argument has no meaning.
        MissingExtra: Keras is not installed.

    Example:
        >>> import keras
        >>> from nasbridge.spaces import around
        >>> model = keras.Sequential(
        ...     [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3)]
        ... )
        >>> space = around(model, widths=(2,), activations=("gelu",))
        >>> space.count()  # 2 widths, 2 activations, 2 normalizations
        8
        >>> next(space.enumerate()).build((8,)).count_params() == model.count_params()
        True
    """
    for name in normalizations:
        if name not in NORMALIZATIONS:
            raise SpaceError(
                f"normalizations={list(normalizations)} has {name!r}: take some of {NORMALIZATIONS}"
            )
    if any(factor <= 0 for factor in widths) or any(size < 1 for size in kernels) or deeper < 0:
        raise SpaceError(
            f"widths={list(widths)}, kernels={list(kernels)} and deeper={deeper}: give widths "
            "above 0, kernels of at least 1, and deeper of at least 0"
        )
    from .around import variants_of as made

    return made(model, widths, kernels, activations, normalizations, deeper, skips)
