"""Adapters: under whose roof an experiment runs; one module for each framework."""

from ..engine.capabilities import Capabilities, NotSupported
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
    "Capabilities",
    "ExperimentError",
    "NotSupported",
    "Observer",
    "Pruned",
    "TooManyFailures",
    "Unsupported",
    "backend",
    "backend_names",
]
