"""Errors of running experiments."""

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..spaces import NasbridgeError

__all__ = [
    "BackendError",
    "CannotEvaluate",
    "ExperimentError",
    "Pruned",
    "TooManyFailures",
    "Unsupported",
    "naming_full_disks",
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


_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}


@contextmanager
def naming_full_disks(directory: Path | None) -> Generator[None]:
    """Turn errors of a full or protected disk into errors that say what to do.

    Args:
        directory: What is written, for errors that name no file.

    Raises:
        BackendError: A file could not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise BackendError(
            f"{error.filename or directory or 'a file'} cannot be written ({error.strerror}): free "
            "space or restore access, then resume; the trials that have finished are kept"
        ) from error
