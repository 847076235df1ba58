# pyright: basic
# AutoKeras and Keras ship no types.
"""A patch for AutoKeras 3.0.0, which cannot build any model under Keras 3.13 and newer.

Its graphs hold NumPy integers as shapes, which layers reject since keras-team/keras#21902.
"""

from functools import wraps
from typing import Any

import autokeras
import keras
from autokeras.graph import Graph

from ...engine.errors import BackendError

__all__ = ["patch_shapes"]

VERSION = "3.0.0"
STRICT = (3, 13)  # the first Keras whose layers reject NumPy integers


def patch_shapes() -> None:
    """Convert the shapes in AutoKeras' graphs to integers of Python, if Keras requires them; once.

    Raises:
        BackendError: This adapter does not support the installed release of AutoKeras.
    """
    if autokeras.__version__ != VERSION:
        raise BackendError(
            f"AutoKeras {autokeras.__version__} is installed, but this adapter supports "
            f"{VERSION}, the only release for Keras 3: pip install 'nasbridge[autokeras]'"
        )
    original = Graph.set_io_shapes
    if _version(keras.__version__) < STRICT or hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def set_io_shapes(self: Graph, shapes: Any) -> None:
        original(self, shapes)
        for holder in (*self.inputs, *(node.in_blocks[0] for node in self.outputs)):
            holder.shape = tuple(int(size) for size in holder.shape)

    Graph.set_io_shapes = set_io_shapes


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])
