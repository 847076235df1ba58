"""Errors of running experiments."""

from ..spaces import NasbridgeError

__all__ = ["BackendError", "ExperimentError", "Pruned", "TooManyFailures", "Unsupported"]


class ExperimentError(NasbridgeError, ValueError):
    """An experiment is described, or being run, in a way that cannot work."""


class BackendError(NasbridgeError):
    """A backend cannot be used, or its storage is not what it should be."""


class Unsupported(BackendError):
    """The framework cannot do what is asked; the message says the way out."""


class TooManyFailures(ExperimentError):
    """So many trials failed in a row that something must be wrong with `evaluate`."""


class Pruned(Exception):
    """Raised by `trial.report` when a trial should stop; let it pass through `evaluate`."""
