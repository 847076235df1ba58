"""What a user's function of callbacks takes."""

import inspect
from collections.abc import Callable
from typing import Any

from ..engine import ExperimentError

__all__ = ["arguments_of"]


def arguments_of(callbacks: Callable[..., Any]) -> int:
    """Return how many of (epochs, trial, architecture) a function takes: 1 or 3.

    Raises:
        ExperimentError: It takes another number of arguments.

    Example:
        >>> arguments_of(lambda epochs: []), arguments_of(lambda epochs, trial, architecture: [])
        (1, 3)
    """
    try:
        parameters = inspect.signature(callbacks).parameters.values()
    except (TypeError, ValueError):  # not every built-in function has a signature
        return 1
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return 3
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(parameter.default is parameter.empty for parameter in positional)
    for number in (1, 3):
        if required <= number <= len(positional) and (required > 1) == (number > 1):
            return number
    raise ExperimentError(
        f"callbacks={callbacks!r} takes {required} arguments: give a function of epochs, or of "
        "epochs, trial and architecture, that returns a list of callbacks"
    )
