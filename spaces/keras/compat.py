# pyright: basic
"""A patch for Keras under PyTorch, whose average pooling counts padding as data.

Where `padding="same"` adds more at one end of an axis than at the other, Keras 3.15.1 repeats the
values at the edges and averages over the repetitions, while all other Keras backends leave the
padding out of the mean (keras-team/keras#23233, not released). The same architecture would be
another function there. The test of this module fails once Keras is right; then the patch can go.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

__all__ = ["exact_average_pool", "patch_average_pool"]


def patch_average_pool(keras: Any) -> None:
    """Replace average pooling of Keras under PyTorch; do nothing under other Keras backends.

    Args:
        keras: The module `keras`.
    """
    if keras.backend.backend() != "torch":
        return
    from keras.src.backend.torch import nn

    if not hasattr(nn.average_pool, "__wrapped__"):
        nn.average_pool = exact_average_pool(nn.average_pool)


def exact_average_pool(average_pool: Callable[..., Any]) -> Callable[..., Any]:
    """Return an average pooling that leaves padding out of the mean.

    Args:
        average_pool: That of Keras under PyTorch, which is right without padding.
    """
    from keras.src.backend import standardize_data_format
    from keras.src.backend.torch.core import convert_to_tensor
    from keras.src.backend.torch.numpy import ones_like, pad
    from keras.src.utils.argument_validation import standardize_tuple

    @wraps(average_pool)
    def exact(
        inputs: Any,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Any:
        inputs, layout = convert_to_tensor(inputs), standardize_data_format(data_format)
        rank = inputs.ndim - 2
        sizes = standardize_tuple(pool_size, rank, "pool_size")
        steps = sizes if strides is None else standardize_tuple(strides, rank, "strides")
        first = 1 if layout == "channels_last" else 2
        lengths = inputs.shape[first : first + rank]
        around = [_ends(*one) for one in zip(lengths, sizes, steps, strict=True)]
        if padding != "same" or all(before == after for before, after in around):
            return average_pool(inputs, sizes, steps, padding, layout)
        around = [(0, 0)] * first + around + [(0, 0)] * (2 - first)
        total = average_pool(pad(inputs, around), sizes, steps, "valid", layout)
        share = average_pool(pad(ones_like(inputs[:1]), around), sizes, steps, "valid", layout)
        return total / share

    return exact


def _ends(length: int, size: int, step: int) -> tuple[int, int]:
    """Return how much "same" adds before and after an axis."""
    total = max((-(-length // step) - 1) * step + size - length, 0)
    return total // 2, total - total // 2
