"""What the tests of several adapters share."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest


@pytest.fixture(scope="session")
def local_ray() -> Iterator[Any]:
    """One Ray of two cores for all tests that need none of their own: it takes long to start."""
    import ray

    from nasbridge.adapters._ray_tune_instance import instance

    with ExitStack() as stack:
        with pytest.warns(UserWarning, match="all network interfaces"):
            stack.enter_context(instance(None, {"cpu": 1}, 2))
        yield ray
