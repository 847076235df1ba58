"""Lists of options that a framework accepts, as choices with distinct labels."""

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from itertools import chain, count
from typing import Concatenate, ParamSpec, TypeVar

from ..spaces import Choice, SpaceError
from ..spaces.nodes.values import option_label
from .errors import BackendError

__all__ = [
    "choice_of",
    "distinct",
    "labels_of",
    "naming_parameter",
    "split_repeats",
    "whole_number",
]

P = ParamSpec("P")
T = TypeVar("T")


def naming_parameter(make: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """Let a function name its first argument, a framework's parameter, in errors of a space."""

    @functools.wraps(make)
    def named(name: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return make(name, *args, **kwargs)
        except SpaceError as error:
            raise BackendError(f"the parameter {name!r} cannot be searched: {error}") from error

    return named


def whole_number(name: str, number: float) -> int:
    """Return a bound or a step of integers, which may be a float, as 8.0.

    Args:
        name: Name of the framework's parameter, for messages.
        number: The number.

    Raises:
        BackendError: The number is not whole.
    """
    if not math.isfinite(number) or int(number) != number:
        raise BackendError(f"{name!r} has integer values, and {number} is not one")
    return int(number)


@naming_parameter
def choice_of(name: str, options: Sequence[object]) -> Choice:
    """Return a choice between options that may repeat or have the same text.

    Args:
        name: Name of the framework's parameter, for messages.
        options: Plain values. An option that is there twice is searched once, with a warning.

    Raises:
        BackendError: There is no option, or one has no counterpart in a space.

    Example:
        >>> from nasbridge import Space
        >>> from nasbridge.engine.native_options import choice_of
        >>> Space({"size": choice_of("size", [1, "1", None])}).decisions[0].domain.labels
        ('1 (int)', '1', 'None')
    """
    different = distinct(name, options)
    return Choice(dict(zip(labels_of(different), different, strict=True)))


def distinct(name: str, options: Sequence[T]) -> list[T]:
    """Return the options without repeats, and warn about these; see `choice_of`."""
    different, repeated = split_repeats(options)
    if repeated:
        warnings.warn(
            f"the options {', '.join(map(repr, repeated))} of {name!r} are given more than once: "
            "each option is searched once, and none is preferred",
            stacklevel=3,
        )
    return different


def split_repeats(options: Sequence[T]) -> tuple[list[T], list[T]]:
    """Return the options that differ, and those that repeat one of them."""
    different: list[T] = []
    repeated: list[T] = []
    alike: dict[tuple[type, str], list[T]] = {}
    for option in options:
        known = alike.setdefault((type(option), repr(option)), [])
        is_known = any(_is_equal(option, other) for other in known)
        (repeated if is_known else different).append(option)
        known.append(option)
    return different, repeated


def labels_of(options: Sequence[object]) -> list[str]:
    """Return distinct labels of different options.

    A string is its own label. The label of another option is its text, with its type if the text
    is taken, as in "1 (int)", and a number if that is taken, too.
    """
    made: list[str] = []
    taken = {option for option in options if isinstance(option, str)}
    for option in options:
        text = option_label(option)
        if not isinstance(option, str):
            typed = f"{text} ({type(option).__name__})"
            numbered = (f"{typed} #{number}" for number in count(2))
            text = next(label for label in chain((text, typed), numbered) if label not in taken)
            taken.add(text)
        made.append(text)
    return made


def _is_equal(one: object, other: object) -> bool:
    """Return whether two options of one type and one text are equal."""
    try:
        return one is other or bool(one == other) or one != one
    except Exception:  # arrays, for example, have no truth value: equal texts decide
        return True
