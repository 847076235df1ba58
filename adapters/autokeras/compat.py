# pyright: basic
# AutoKeras and Keras ship no types.
"""AutoKeras 3.0.0 mended for Keras 3.13 and newer, where it cannot build any model."""

from functools import wraps
from typing import Any

import autokeras
import keras
from autokeras.graph import Graph

from ...engine.errors import BackendError

__all__ = ["mend"]

VERSION = "3.0.0"
STRICT = (3, 13)  # from this Keras on layers refuse the numpy integers that AutoKeras gives them


def mend() -> None:
    """Let AutoKeras' graphs hold plain integers as shapes, where Keras wants them; once.

    Raises:
        BackendError: AutoKeras is not the release that this adapter knows.
    """
    if autokeras.__version__ != VERSION:
        raise BackendError(
            f"AutoKeras {autokeras.__version__} is installed, and this adapter knows {VERSION}, "
            "the only release for Keras 3: pip install 'nasbridge[autokeras]'"
        )
    given = Graph.set_io_shapes
    if _version(keras.__version__) < STRICT or hasattr(given, "__wrapped__"):
        return

    @wraps(given)
    def set_io_shapes(self: Graph, shapes: Any) -> None:
        given(self, shapes)
        for holder in (*self.inputs, *(node.in_blocks[0] for node in self.outputs)):
            holder.shape = tuple(int(size) for size in holder.shape)

    Graph.set_io_shapes = set_io_shapes


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])
