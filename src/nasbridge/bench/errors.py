"""Errors of the benchmark."""

from ..spaces import NasbridgeError

__all__ = ["BenchError"]


class BenchError(NasbridgeError, ValueError):
    """A benchmark, method or result file is invalid or not available."""
