"""Adapters: under whose roof an experiment runs; one module for each framework."""

from ..engine.capabilities import No, Support
from ..engine.driver import Observer
from ..engine.errors import (
    BackendError,
    ExperimentError,
    Pruned,
    TooManyFailures,
    Unsupported,
)
from ..engine.evaluation import ActiveTrial
from .registry import BACKENDS, Adapter, backend, backend_names

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
