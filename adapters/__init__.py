"""Adapters: under whose roof an experiment runs; one module for each framework."""

from ._drive import Observer
from ._errors import (
    BackendError,
    ExperimentError,
    Pruned,
    TooManyFailures,
    Unsupported,
)
from ._evaluation import ActiveTrial
from ._registry import BACKENDS, Adapter, backend, backend_names
from ._support import No, Support

__all__ = [
    "ActiveTrial",
    "Adapter",
    "BACKENDS",
    "BackendError",
    "ExperimentError",
    "No",
    "Observer",
    "Pruned",
    "Support",
    "TooManyFailures",
    "Unsupported",
    "backend",
    "backend_names",
]
