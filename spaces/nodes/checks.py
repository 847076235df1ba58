"""Checks of names and numbers in the description of a space."""

import re
from typing import cast

from ..errors import SpaceError

__all__ = ["MOST", "WIDEST", "check_count", "check_name"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")

MOST = 1000
"""Largest number of nodes, stages or repetitions, so that a typing error fails early."""

WIDEST = 2**20
"""Largest width."""


def check_name(name: str | None, shared: bool = False) -> None:
    """Raise `SpaceError` unless the name can be part of a dotted path."""
    if name is not None and not (isinstance(cast(object, name), str) and _NAME.fullmatch(name)):
        raise SpaceError(
            f"the name {name!r} is invalid: use letters, digits, '_' and '-', starting with a "
            "letter or '_' (dots separate the parts of a path)"
        )
    if shared and name is None:
        raise SpaceError("shared=True needs a name=: one name is one decision everywhere")


def check_count(value: object, what: str, least: int = 1, most: int = MOST) -> None:
    """Raise `SpaceError` unless the value is an int within the bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SpaceError(f"{what} is {value!r}: give an int from {least} to {most}")
