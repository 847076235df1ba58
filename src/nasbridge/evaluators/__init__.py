"""Ready evaluators: what `evaluate` is in the common cases."""

from .keras import KerasEvaluator

__all__ = ["KerasEvaluator"]
