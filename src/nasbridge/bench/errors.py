"""Errors of the benchmark."""

from ..spaces import NasbridgeError

__all__ = ["BenchError"]


class BenchError(NasbridgeError, ValueError):
    """A benchmark is asked for that does not exist, or cannot be run here."""
