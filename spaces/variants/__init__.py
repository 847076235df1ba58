"""Search spaces made from the variants of an existing `keras.Model`."""

from .interface import variants_of

__all__ = ["variants_of"]
