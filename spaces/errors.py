"""Errors of the space layer, and the base class of all errors of the package."""

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
    "UnknownLayer",
]


class NasbridgeError(Exception):
    """Base class of all errors; a message states what is wrong, where, and how to fix it."""


class SpaceError(NasbridgeError, ValueError):
    """The description of a space is invalid."""


class NameClash(SpaceError):
    """Two different decisions have the same name."""


class InvalidArchitecture(NasbridgeError, ValueError):
    """Values are not an architecture of the space."""


class ConstraintError(NasbridgeError, ValueError):
    """A constraint cannot be satisfied or evaluated."""


class NoFeasible(ConstraintError):
    """No feasible architecture was found, although one may exist."""


class SpaceFormatError(NasbridgeError, ValueError):
    """A document is not a space, or has an unsupported version."""


class BuildError(NasbridgeError):
    """A network cannot be built from an architecture for this input shape."""


class UnknownLayer(BuildError):
    """Keras does not know a layer, or a setting of a layer, for any input shape."""


class MissingExtra(NasbridgeError, ImportError):
    """A feature needs a library that is not installed.

    Args:
        library: Import name of the missing library.
        extra: The extra of nasbridge that installs it.
        purpose: What needs it, such as "drawing a PNG".
    """

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed: pip install 'nasbridge[{extra}]'"
        )
        self.library = library
        self.extra = extra
