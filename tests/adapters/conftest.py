# pyright: basic
"""What the tests of several adapters share."""

import gc
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest


@pytest.fixture(scope="session")
def local_ray() -> Iterator[Any]:
    """One Ray of two cores for all tests that need none of their own: it takes long to start."""
    import ray

    from nasbridge.adapters.ray_tune.cluster import instance

    with ExitStack() as stack:
        with pytest.warns(UserWarning, match="all network interfaces"):
            stack.enter_context(instance(None, {"cpu": 1}, 2))
        yield ray


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> None:
    """Tuners collect garbage before each network: without what there is by now it is soon done."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def eager() -> Iterator[None]:
    """For networks this small, compiling takes nearly all of the time."""
    import tensorflow

    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture
def soonest(monkeypatch: pytest.MonkeyPatch) -> None:
    """For processes in which nothing is trained: Keras loads in half of the time."""
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
