"""The engine: runs trials, whichever framework stores them."""

from .capabilities import Capabilities, NotSupported
from .driver import Observer
from .errors import BackendError, ExperimentError, Pruned, TooManyFailures, Unsupported
from .evaluation import ActiveTrial

__all__ = [
    "ActiveTrial",
    "BackendError",
    "Capabilities",
    "ExperimentError",
    "NotSupported",
    "Observer",
    "Pruned",
    "TooManyFailures",
    "Unsupported",
]
