"""Arguments of the ready spaces: one value fixes a property, several open it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from ..errors import SpaceError
from ..nodes.ranges import Integer
from ..nodes.values import Choice

__all__ = ["choice_or_value", "integer_or_value", "select"]

T = TypeVar("T")


def choice_or_value(options: Any, name: str, shared: bool = False) -> Any:
    """Return a `Choice` of several options, or the value itself if there is only one.

    Args:
        options: A value, a sequence of values, or a mapping from labels to values.
        name: Name of the decision.
        shared: Whether all repetitions have one decision.
    """
    if isinstance(options, str) or not isinstance(options, Sequence | Mapping):
        return options
    several = cast(Sequence[Any] | Mapping[str, Any], options)
    if len(several) == 1:
        return next(iter(several.values() if isinstance(several, Mapping) else several))
    return Choice(several, name=name, shared=shared)


def integer_or_value(bounds: int | tuple[int, int], name: str) -> int | Integer:
    """Return an `Integer` between two bounds, or the value itself if there is only one."""
    return bounds if isinstance(bounds, int) else Integer(*bounds, name=name)


def select(known: Mapping[str, T], names: str | Sequence[str], what: str) -> dict[str, T]:
    """Return the entries with one or several names.

    Raises:
        SpaceError: A name is unknown.
    """
    wanted = [names] if isinstance(names, str) else names
    for name in wanted:
        if name not in known:
            raise SpaceError(f"unknown {what} {name!r}: choose from {list(known)}")
    return {name: known[name] for name in wanted}
