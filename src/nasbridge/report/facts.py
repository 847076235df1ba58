"""What was searched, how, with what, and how to do it again."""

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
from ..spaces import Decision, Space
from .text import how_many, moment, number, seconds
from .trials import networks
from .view import View

__all__ = ["backend_of", "call", "command", "decisions", "lead", "summary", "tiles", "versions"]


def backend_of(view: View, note: RunNote | None) -> str:
    """Return the backend's name; empty if nothing says it."""
    return note.backend if note else str(view.history.metadata.get("backend", ""))


# ---------------------------------------------------------------------- what was searched


def lead(view: View, backend: str) -> str:
    """Return the search in a sentence."""
    history = view.history
    number_of = "one trial" if len(history) == 1 else f"{len(history):,} trials"
    strategy = f" of {history.strategy}" if history.strategy else ""
    return f"{number_of}{strategy}, seed {history.seed}" + (
        f", under {backend}." if backend else "."
    )


def tiles(view: View) -> Iterator[tuple[str, str, str]]:
    """Return what to see first: a heading, a value, and a remark."""
    history = view.history
    if view.scored and len(history.objectives) == 1:
        metric, best = history.objectives[0].metric, view.top[0]
        yield f"best {metric}", number(best.values[metric]), f"trial {best.number}"
    elif view.scored:
        metrics = ", ".join(objective.metric for objective in history.objectives)
        yield "Pareto front", f"{len(view.front)} trials", metrics
    states = ", ".join(f"{count} {state}" for state, count in view.states.items())
    yield "trials", number(len(history)), states
    if view.searched is not None:
        yield "time", seconds(view.searched), f"{seconds(view.evaluated)} of evaluation"
    open_points = len(history.space.decisions)
    yield "space", how_many(history.space.count()), f"architectures, {open_points} decisions"


def summary(view: View, note: RunNote | None) -> Iterator[tuple[str, str]]:
    """Return what a reader may want to know of the search: a term and its description."""
    history = view.history
    yield "objectives", ", ".join(f"{o.metric} ({o.direction})" for o in history.objectives)
    yield "strategy", history.strategy
    yield "seed", str(history.seed)
    yield "backend", backend_of(view, note)
    if note and note.jobs:
        yield "worker processes", str(note.jobs)
    if note and note.options:
        yield "options", ", ".join(f"{key}={value!r}" for key, value in note.options.items())
    if isinstance(history.space, Space) and history.space.constraints:
        yield "constraints", ", ".join(map(str, history.space.constraints))
    for name, fact in history.metadata.items():
        if name != "backend" and isinstance(fact, str | int | float):
            yield name, str(fact)
    yield "first trial began", moment(min((t.started for t in history if t.started), default=None))
    yield "last trial ended", moment(max((t.finished for t in history if t.finished), default=None))


def decisions(view: View) -> list[tuple[str, str, str]]:
    """Return each decision: its name, what can be chosen, and when it is open."""
    return [(d.name, str(d.domain), _needs(d)) for d in view.history.space.decisions]


def _needs(decision: Decision) -> str:
    if () in decision.conditions:
        return "always"
    return " or ".join(" and ".join(map(str, clauses)) for clauses in decision.conditions)


# ---------------------------------------------------------------------- how to do it again


def command(view: View, note: RunNote | None) -> str:
    """Return the command line that ran the search; empty if nothing says it."""
    origin: Any = asdict(note.origin) if note else view.history.metadata.get("origin")
    words: Any = cast(Mapping[str, Any], origin).get("command") if origin else None
    if not words:
        return ""
    program, *rest = map(str, words)
    path = PurePath(program)
    if path.name == "__main__.py":
        return shlex.join(["python", "-m", path.parent.name, *rest])
    start = ["python", program] if path.suffix == ".py" else [path.name]
    return shlex.join([*start, *rest])


def call(view: View, backend: str) -> str:
    """Return the search as a call in Python, for those who have the space and `evaluate`."""
    history = view.history
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


def versions(view: View, backend: str) -> dict[str, str]:
    """Return the versions of what takes part, as they are installed where the report is written.

    Args:
        view: The history.
        backend: The backend's name.
    """
    libraries: list[str] = []
    if backend in BACKENDS and BACKENDS[backend].library:
        libraries.append(BACKENDS[backend].library)
    if len(view.history) and networks(view.history[0].architecture):
        libraries.append("keras")
    found = {library: _version(library) for library in libraries}
    ours = {"python": platform.python_version(), "nasbridge": __version__}
    return ours | {library: number for library, number in found.items() if number}


def _version(library: str) -> str:
    """Return a library's version by its import name; empty if it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:  # its distribution may bear another name
        homes = packages_distributions().get(library)
        return version(homes[0]) if homes else ""
