"""Errors of the space layer; every error of the package descends from `NasbridgeError`."""

__all__ = [
    "BuildError",
    "ConstraintError",
    "InvalidArchitecture",
    "MissingExtra",
    "NameClash",
    "NasbridgeError",
    "NoFeasible",
    "SpaceError",
    "SpaceFormatError",
]


class NasbridgeError(Exception):
    """What every error of nasbridge is: it says what, which, and how to mend it."""


class SpaceError(NasbridgeError, ValueError):
    """A space is described in a way that has no meaning."""


class NameClash(SpaceError):
    """Two different decisions have one name."""


class InvalidArchitecture(NasbridgeError, ValueError):
    """Values do not form an architecture of the space."""


class ConstraintError(NasbridgeError, ValueError):
    """A constraint cannot be met, or cannot be evaluated."""


class NoFeasible(ConstraintError):
    """No allowed architecture was found, though others may exist."""


class SpaceFormatError(NasbridgeError, ValueError):
    """A document is not a space, or is one of another version."""


class BuildError(NasbridgeError):
    """An architecture cannot be turned into a network for this input."""


class MissingExtra(NasbridgeError, ImportError):
    """A library that this feature needs is not installed.

    Args:
        library: The missing library's import name.
        extra: The extra of nasbridge that brings it.
        purpose: What it is needed for, as "drawing a PNG".
    """

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed: pip install 'nasbridge[{extra}]'"
        )
        self.library = library
        self.extra = extra
