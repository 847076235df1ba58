"""Ready evaluators: `evaluate` functions for common cases."""

from .keras import KerasEvaluator

__all__ = ["KerasEvaluator"]
