"""Texts and numbers as a report displays them."""

import html
import math
from collections.abc import Mapping
from datetime import UTC, datetime

from ..progress import duration
from ..spaces import Architecture
from ..strategies import Objective, Trial

__all__ = ["choices", "clip", "hover", "how_many", "moment", "number", "pairs", "safe", "seconds"]

LINES = 8  # of choices that a hover shows
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: object) -> str:
    """Format a number with four digits; return anything else as text.

    Example:
        >>> number(0.912345), number(48213.0), number(1.5e-5), number("conv3")
        ('0.9123', '48,213', '1.5e-05', 'conv3')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if abs(value) < 1e12 and (abs(value) >= 1000 or float(value).is_integer()):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def how_many(count: float) -> str:
    """Format a number of architectures.

    Example:
        >>> how_many(15625), how_many(5**40), how_many(math.inf)
        ('15,625', '9.1 × 10²⁷', 'infinitely many')
    """
    if math.isinf(count):
        return "infinitely many"
    if count < 10**9:
        return f"{count:,}"
    exponent = math.floor(math.log10(count))
    return f"{count / 10**exponent:.1f} × 10{str(exponent).translate(SUPERSCRIPTS)}"


def seconds(value: float | None) -> str:
    """Format a duration in seconds; empty if unknown.

    Example:
        >>> seconds(0.0421), seconds(200), seconds(None)
        ('0.042 s', '3 min 20 s', '')
    """
    if value is None:
        return ""
    return duration(value) if value >= 10 else f"{value:.2g} s"


def moment(value: float | None) -> str:
    """Format a time in seconds since 1970; empty if unknown.

    Example:
        >>> moment(0)
        '1970-01-01 00:00 UTC'
    """
    return (
        "" if value is None else datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")
    )


def clip(text: str, longest: int) -> str:
    """Shorten a text to one line of at most `longest` characters.

    Example:
        >>> clip("cannot allocate a tensor", 16)
        'cannot allocate…'
    """
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def pairs(values: Mapping[str, object]) -> str:
    """Format a mapping in one line, as "width=32, depth=3"."""
    return ", ".join(f"{name}={number(value)}" for name, value in values.items())


def choices(architecture: Architecture) -> str:
    """Format the choices of an architecture in one line."""
    return pairs(architecture.choices)


def safe(text: str) -> str:
    """Escape a text for Plotly, which interprets some HTML."""
    return html.escape(text, quote=False)


def hover(trial: Trial, objectives: tuple[Objective, ...]) -> str:
    """Return the tooltip of a trial in a chart."""
    made = list(trial.architecture.choices.items())
    lines = [
        f"trial {trial.number}, {trial.state}",
        *(f"{o.metric} {number(trial.values.get(o.metric, math.nan))}" for o in objectives),
        *(f"{name} = {number(label)}" for name, label in made[:LINES]),
        *([f"and {len(made) - LINES} more"] if len(made) > LINES else []),
    ]
    return "<br>".join(safe(clip(line, 48)) for line in lines)
