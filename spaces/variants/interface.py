"""The public function, `variants_of`. Keras is imported when it is called, not before."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .options import VariantOptions

if TYPE_CHECKING:
    from ..nodes.model_variants import ModelVariants

__all__ = ["variants_of"]


def variants_of(
    model: Any,
    *,
    widths: Sequence[float] = (0.5, 1.5, 2),
    kernels: Sequence[int] = (3, 5),
    activations: Sequence[str] = ("relu", "gelu", "silu"),
    normalizations: Sequence[str] = ("batch", "none"),
    deeper: int = 2,
    skips: bool = True,
    model_first: bool = True,
) -> "ModelVariants":
    """Return the space of the variants of an existing model.

    The model itself is the first architecture, and a search evaluates it first. Names that you gave
    to layers stay, and so do the shape of the outputs and, with their weights, nested models and
    frozen or adapted layers. Each layer has its own width and kernel size; similar layers share one
    activation and one normalization; each block that repeats in a row has its own depth and
    shortcut.

    Args:
        model: A `keras.Sequential` or a functional model. It must be built; it need not be trained,
            and is not changed.
        widths: Multiples of a layer's units or filters, each above 0; empty keeps the widths.
        kernels: Sizes of square kernels, each at least 1, for layers with padding "same" and a
            kernel larger than 1; empty keeps the kernels.
        activations: Names in `keras.activations`, for hidden layers.
        normalizations: Any of "batch", "layer" and "none".
        deeper: How many more times a repeated block may occur, at least 0; it may also occur fewer
            times. 0 keeps the depth.
        skips: Whether shortcuts around blocks may be added and removed.
        model_first: Whether a search evaluates the model itself first.

    Returns:
        The space, without the input layers.

    Raises:
        SpaceError: The model cannot be read or rebuilt, or an argument is invalid.
        MissingExtra: Keras is not installed.

    Example:
        >>> import keras
        >>> from nasbridge.spaces import variants_of
        >>> model = keras.Sequential(
        ...     [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3)]
        ... )
        >>> space = variants_of(model, widths=(2,), activations=("gelu",))
        >>> space.count()  # 2 widths, 2 activations, 2 normalizations
        8
        >>> next(space.enumerate()).build((8,)).count_params() == model.count_params()
        True
    """
    styles = tuple(activations), tuple(normalizations)
    options = VariantOptions(tuple(widths), tuple(kernels), *styles, deeper, skips, model_first)
    from .search_space import search_space_of

    return search_space_of(model, options)
