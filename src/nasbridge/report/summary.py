"""The summary of a search: space, settings, versions, and the command to repeat it."""

import platform
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import PurePath
from typing import Any, cast

from .. import __version__
from ..adapters import BACKENDS
from ..engine.run_note import RunNote
from ..engine.secrets import masked
from ..spaces import Decision, Space
from .data import ReportData
from .text import how_many, moment, number, seconds
from .trials import networks

__all__ = ["backend_of", "call", "command", "decisions", "lead", "summary", "tiles", "versions"]


def backend_of(data: ReportData, note: RunNote | None) -> str:
    """Return the backend's name; empty if unknown."""
    return note.backend if note else str(data.history.metadata.get("backend", ""))


def lead(data: ReportData, backend: str) -> str:
    """Return the search as one sentence."""
    history = data.history
    number_of = "one trial" if len(history) == 1 else f"{len(history):,} trials"
    strategy = f" of {history.strategy}" if history.strategy else ""
    return f"{number_of}{strategy}, seed {history.seed}" + (
        f", under {backend}." if backend else "."
    )


def tiles(data: ReportData) -> Iterator[tuple[str, str, str]]:
    """Return the tiles at the top: heading, value and remark."""
    history = data.history
    if data.scored and len(history.objectives) == 1:
        metric, best = history.objectives[0].metric, data.top[0]
        yield f"best {metric}", number(best.values[metric]), f"trial {best.number}"
    elif data.scored:
        metrics = ", ".join(objective.metric for objective in history.objectives)
        yield "Pareto front", f"{len(data.front)} trials", metrics
    states = ", ".join(f"{count} {state}" for state, count in data.states.items())
    yield "trials", number(len(history)), states
    if data.searched is not None:
        yield "time", seconds(data.searched), f"{seconds(data.evaluated)} of evaluation"
    open_points = len(history.space.decisions)
    yield "space", how_many(history.space.count()), f"architectures, {open_points} decisions"


def summary(data: ReportData, note: RunNote | None) -> Iterator[tuple[str, str]]:
    """Return the settings of the search as pairs of term and description."""
    history = data.history
    yield "objectives", ", ".join(f"{o.metric} ({o.direction})" for o in history.objectives)
    yield "strategy", history.strategy
    yield "seed", str(history.seed)
    yield "backend", backend_of(data, note)
    if note and note.jobs:
        yield "worker processes", str(note.jobs)
    if note and note.options:
        shown = ", ".join(f"{key}={value!r}" for key, value in note.options.items())
        yield "options", masked(shown)
    if isinstance(history.space, Space) and history.space.constraints:
        yield "constraints", ", ".join(map(str, history.space.constraints))
    for name, value in history.metadata.items():
        if name != "backend" and isinstance(value, str | int | float):
            yield name, masked(str(value))
    yield "first trial began", moment(min((t.started for t in history if t.started), default=None))
    yield "last trial ended", moment(max((t.finished for t in history if t.finished), default=None))


def decisions(data: ReportData) -> list[tuple[str, str, str]]:
    """Return each decision: name, domain and condition."""
    return [(d.name, str(d.domain), _needs(d)) for d in data.history.space.decisions]


def _needs(decision: Decision) -> str:
    if () in decision.conditions:
        return "always"
    return " or ".join(" and ".join(map(str, clauses)) for clauses in decision.conditions)


def command(data: ReportData, note: RunNote | None) -> str:
    """Return the command line that ran the search; empty if unknown."""
    origin: Any = asdict(note.origin) if note else data.history.metadata.get("origin")
    words: Any = cast(Mapping[str, Any], origin).get("command") if origin else None
    if not words:
        return ""
    program, *rest = (masked(str(word)) for word in words)
    path = PurePath(program)
    if path.name == "__main__.py":
        return shlex.join(["python", "-m", path.parent.name, *rest])
    start = ["python", program] if path.suffix == ".py" else [path.name]
    return shlex.join([*start, *rest])


def call(data: ReportData, backend: str) -> str:
    """Return the search as a call in Python."""
    history = data.history
    lines = [
        "Experiment(",
        "    space,",
        "    evaluate,",
        f"    objectives={ {o.metric: o.direction for o in history.objectives} },",
        f"    strategy={history.strategy}," if history.strategy else "",
        f"    trials={len(history)}," if len(history) else "",
        f"    seed={history.seed},",
        f").run({f'backend={backend!r}' if backend else ''})",
    ]
    return "\n".join(filter(None, lines))


def versions(data: ReportData, backend: str) -> dict[str, str]:
    """Return the versions of the libraries involved, as installed where the report is written.

    Args:
        data: The history.
        backend: The backend's name.
    """
    libraries: list[str] = []
    if backend in BACKENDS and BACKENDS[backend].library:
        libraries.append(BACKENDS[backend].library)
    if len(data.history) and networks(data.history[0].architecture):
        libraries.append("keras")
    found = {library: _version(library) for library in libraries}
    ours = {"python": platform.python_version(), "nasbridge": __version__}
    return ours | {library: number for library, number in found.items() if number}


def _version(library: str) -> str:
    """Return a library's version by its import name; empty if it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:  # its distribution may have another name
        homes = packages_distributions().get(library)
        return version(homes[0]) if homes else ""
