# pyright: basic
"""`variants_of`: models whose inputs are integers or texts."""

from typing import Any

import keras
import numpy
import pytest
from keras import layers

from nasbridge.spaces import variants_of


class Lookup(layers.Layer):  # type: ignore[misc]
    def build(self, _: Any) -> None:
        self.table = self.add_weight(shape=(10, 4))

    def call(self, x: Any) -> Any:
        return keras.ops.take(self.table, x, axis=0)


def embedded(*stack: Any) -> Any:
    return [*stack, layers.Embedding(30, 4), layers.Flatten(), layers.Dense(3)]


LARGE = 10**9 + numpy.arange(6).reshape(2, 3)  # float32 has only two values for these
NAMES = keras.ops.convert_to_tensor(numpy.array([["a", "b"], ["c", "d"]]))
TYPED = {
    "large": (embedded(keras.Input((3,), dtype="int64"), layers.Hashing(30)), LARGE),
    "texts": (embedded(keras.Input((2,), dtype="string"), layers.Hashing(30)), NAMES),
    "a class": ([keras.Input((3,), dtype="int32"), Lookup(), layers.Dense(3)], LARGE % 10),
    "images": (
        [keras.Input((4, 4, 1), dtype="uint8"), layers.Rescaling(0.1), layers.Flatten()],
        numpy.random.default_rng(0).integers(255, size=(2, 4, 4, 1)),
    ),
}


@pytest.mark.parametrize("which", TYPED)
def test_inputs_keep_their_dtype(which: str) -> None:
    stack, x = TYPED[which]
    model: Any = keras.Sequential(stack)
    member = next(variants_of(model).enumerate()).build(model.input_shape[1:])
    member.set_weights(model.get_weights())
    numpy.testing.assert_allclose(member(x), model(x), rtol=1e-6)


def test_dense_layers_vary_with_integer_inputs_as_with_floats() -> None:
    def decisions(dtype: str) -> list[str]:
        dense = [layers.Dense(8, "relu"), layers.Dense(8, "relu"), layers.Dense(3)]
        space = variants_of(keras.Sequential([keras.Input((4,), dtype=dtype), *dense]))
        return [one.name for one in space.decisions]

    assert decisions("int32") == decisions("float32")
