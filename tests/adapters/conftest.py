# pyright: basic
"""Fixtures of several adapters."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> None:
    """Exclude existing objects from garbage collection, which tuners run before each network."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def eager() -> Iterator[None]:
    """Run TensorFlow eagerly: compiling small networks takes longer than training them."""
    import tensorflow

    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture
def soonest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make processes that train nothing import Keras without TensorFlow."""
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
