"""Comparing the settings of experiments."""

import json
from collections.abc import Iterator, Mapping
from typing import cast

from ..spaces import NasbridgeError, SearchSpace, from_json

__all__ = ["difference", "space_difference"]

NAMES = {
    "fingerprint": "space fingerprint",
    "objectives": "objectives",
    "strategy": "strategy",
    "seed": "seed",
}
"""The settings that must not change while an experiment continues, with names for messages."""


def difference(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Return the first difference, as "seed 1, not 0"; empty if there is none."""
    for key, name in NAMES.items():
        if _ordered(before[key]) != _ordered(now[key]):
            what = f"{name} {before[key]!r}, not {now[key]!r}"
            changes = _changes(before, now) if key == "fingerprint" else ""
            return f"{what}{changes and f' ({changes})'}"
    return ""


def _changes(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Return how the described spaces differ; nothing if one of them is not described."""
    try:
        spaces = [
            from_json(text if isinstance(text, str) else json.dumps(text))
            for text in (before.get("space"), now.get("space"))
        ]
    except NasbridgeError:
        return ""
    return space_difference(*spaces)


def space_difference(before: SearchSpace, now: SearchSpace) -> str:
    """Return the first difference between the decisions of two spaces, by name.

    Args:
        before: The space that was searched.
        now: The space that should continue.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies.differences import space_difference
        >>> space_difference(Space({"units": Choice([1, 2])}), Space({"units": Choice([1, 4])}))
        "decision 'units' was one of '1', '2', and is now one of '1', '4'"
    """
    return next(_differences(before, now), "")


def _differences(before: SearchSpace, now: SearchSpace) -> Iterator[str]:
    old = {decision.name: decision for decision in before.decisions}
    new = {decision.name: decision for decision in now.decisions}
    for name in (name for name in old if name not in new):
        yield f"decision {name!r} was removed"
    for name in (name for name in new if name not in old):
        yield f"decision {name!r} was added"
    for name, was in old.items():
        if was.domain != new[name].domain:
            yield f"decision {name!r} was {was.domain}, and is now {new[name].domain}"
        if was.conditions != new[name].conditions:
            yield f"decision {name!r} is active under other conditions"
    if list(old) != list(new):
        yield "the decisions are in another order"


def _ordered(value: object) -> object:
    """Return a mapping as its items: proposals depend on the order of the objectives."""
    return list(cast(Mapping[str, object], value).items()) if isinstance(value, Mapping) else value
