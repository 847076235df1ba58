"""Errors of running experiments."""

from ..spaces import NasbridgeError

__all__ = [
    "BackendError",
    "CannotEvaluate",
    "ExperimentError",
    "Pruned",
    "TooManyFailures",
    "Unsupported",
]


class ExperimentError(NasbridgeError, ValueError):
    """An experiment has invalid settings, or is run in an invalid way."""


class BackendError(NasbridgeError):
    """A backend cannot be used, or its storage is damaged or of another experiment."""


class Unsupported(BackendError):
    """The framework cannot do this; the message names an alternative."""


class CannotEvaluate(ExperimentError):
    """Raised by `evaluate` when every trial would fail, as without its data; ends the search.

    The trial counts as interrupted: it is repeated when the search resumes.
    """


class TooManyFailures(ExperimentError, RuntimeError):
    """As many trials in a row failed as `max_failures` allows, or all trials failed."""


class Pruned(Exception):
    """Raised by `trial.report` when a trial should stop; do not catch it in `evaluate`."""
