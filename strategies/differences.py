"""Comparing the settings of experiments."""

from collections.abc import Mapping
from typing import cast

__all__ = ["difference"]

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
            return f"{name} {before[key]!r}, not {now[key]!r}"
    return ""


def _ordered(value: object) -> object:
    """Return a mapping as its items: proposals depend on the order of the objectives."""
    return list(cast(Mapping[str, object], value).items()) if isinstance(value, Mapping) else value
