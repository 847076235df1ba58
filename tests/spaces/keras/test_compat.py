# pyright: basic
"""The patch of average pooling under PyTorch, which runs beside TensorFlow here."""

from itertools import product
from typing import Any

import numpy
import pytest
from numpy.typing import NDArray

from nasbridge.spaces.keras.compat import exact_average_pool

pytestmark = pytest.mark.frameworks

LENGTHS = (5, 6, 7)  # of the axes


def mean_pool(x: NDArray[Any], size: int, step: int) -> NDArray[Any]:
    """Average over each window of a channels-last array, padding left out; slow and plain."""
    axes = x.shape[1:-1]
    windows: list[list[slice]] = []
    for length in axes:
        starts = range(-(-length // step))
        total = max((len(starts) - 1) * step + size - length, 0)
        begins = [k * step - total // 2 for k in starts]
        windows.append([slice(max(begin, 0), begin + size) for begin in begins])
    pooled = numpy.empty((len(x), *map(len, windows), x.shape[-1]), x.dtype)
    for place in numpy.ndindex(*map(len, windows)):
        window = [axis[k] for axis, k in zip(windows, place, strict=True)]
        inside: NDArray[Any] = x[slice(None), *window]
        pooled[slice(None), *place] = inside.mean(axis=tuple(range(1, x.ndim - 1)))
    return pooled


@pytest.fixture(scope="module")
def original() -> Any:
    """Average pooling of Keras under PyTorch, not patched as TensorFlow is the Keras backend."""
    from keras.src.backend.torch import nn

    return nn.average_pool


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_padding_is_left_out_of_the_mean(original: Any, rank: int, layout: str) -> None:
    pool = exact_average_pool(original)
    x = numpy.random.default_rng(rank).normal(size=(2, *LENGTHS[:rank], 3)).astype("float32")
    given = x if layout == "channels_last" else numpy.moveaxis(x, -1, 1)
    for size, step in product(range(1, 6), range(1, 7)):
        found = pool(given, size, step, "same", layout).numpy()
        found = found if layout == "channels_last" else numpy.moveaxis(found, 1, -1)
        numpy.testing.assert_allclose(found, mean_pool(x, size, step), rtol=1e-5, atol=1e-6)


def test_mixed_sizes_default_strides_and_gradients(original: Any) -> None:
    import keras
    import torch

    pool = exact_average_pool(original)
    x = numpy.random.default_rng(0).normal(size=(1, 5, 6, 2)).astype("float32")
    for size, step, padding in [((2, 4), None, "same"), ((4, 3), (1, 2), "same"), (3, 2, "valid")]:
        expected: Any = keras.ops.average_pool(x, size, step, padding, "channels_last")
        found = pool(x, size, step, padding, "channels_last")
        numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    given = torch.ones(1, 2, 1, requires_grad=True)
    pool(given, 4, 1, "same", "channels_last").sum().backward()
    assert given.grad is not None
    assert given.grad.flatten().tolist() == [1.0, 1.0]


def test_keras_still_needs_the_patch(original: Any) -> None:
    """If this test fails, Keras is right: raise its minimum version and delete the patch."""
    x = numpy.array([[[1.0], [3.0]]], "float32")
    assert mean_pool(x, 4, 1).ravel().tolist() == [2.0, 2.0]
    assert original(x, 4, 1, "same", "channels_last").ravel().tolist() == [2.0, 2.5]
