"""Run every strategy under every backend, compare the trials, and write the result as tables.

    python benchmarks/portability.py     # writes docs/benchmarks/portability.md

The first table has a row per strategy and a column per backend. A cell runs 60 trials twice, once
without interruption and once killed (SIGKILL) in trial 30 and resumed, and compares both with a
bare `Search`. The space has conditional decisions, and a third of the trials fail. The second table
has a row and a column per backend: a run is killed in trial 30 under the first backend, continued
under the second, and compared with 60 trials of a bare `Search`. Its trials are complete, pruned,
failed and running. The exit code is 1 if a cell differs.
"""

import argparse
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nasbridge import Experiment, MedianPruner
from nasbridge import testing as material
from nasbridge.adapters import BACKENDS
from nasbridge.adapters.registry import is_installed
from nasbridge.engine import NotSupported
from nasbridge.engine.run_note import Origin, note_of, write_note
from nasbridge.testing import (
    STRATEGIES,
    BackendHarness,
    bare_loop,
    comparable,
    kill_in_a_trial,
    strategy,
)

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = {"autogluon": "autogluon.tabular", "ray_tune": "ray", "keras_tuner": "keras-tuner"}

Comparable = Any


def experiment(name: str, trials: int, **settings: Any) -> Experiment:
    """Return an experiment with conditional decisions, in which a third of the trials fail."""
    standard: dict[str, Any] = {
        "evaluate": material.evaluate_or_fail,
        "objectives": {"score": "max"},
        "strategy": strategy(name),
        "trials": trials,
        "seed": 3,
        "max_failures": trials,
    }
    return Experiment(material.chain(), **standard | settings)


def compared(found: Sequence[Comparable], expected: Sequence[Comparable]) -> str:
    """Return the number of equal trials, or where two runs differ."""
    for number, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"differs at {number}"
    same = len(found) == len(expected)
    return str(len(found)) if same else f"{len(found)} of {len(expected)}"


def tried(compare: Callable[[], str], label: str) -> str:
    """Return the cell of a comparison: its result, or the name of its error."""
    began = time.monotonic()
    try:
        cell = compare()
    except Exception as error:  # reported in the cell and by the exit code
        print(f"{label}: {error!r}", file=sys.stderr)
        cell = f"{type(error).__name__}"
    print(f"{label}: {cell}, {time.monotonic() - began:.1f} s", flush=True)
    return cell


def proposals(harness: BackendHarness, name: str, trials: int) -> str:
    """Compare the trials of a run with a bare search."""
    searched = experiment(name, trials)
    with tempfile.TemporaryDirectory() as place:
        return compared(
            comparable(harness.run(searched, Path(place) / "run")), comparable(bare_loop(searched))
        )


def resumed(harness: BackendHarness, name: str, trials: int) -> str:
    """Compare a run that was killed in the middle and resumed with a bare search."""
    searched = experiment(name, trials)
    waiting = material.Waiting(trials // 2, material.evaluate_or_fail)
    killed = experiment(name, trials, evaluate=waiting)
    with tempfile.TemporaryDirectory() as place:
        kill(harness, killed, Path(place))
        return compared(
            comparable(harness.run(killed, Path(place) / "run")), comparable(bare_loop(searched))
        )


def kill(harness: BackendHarness, searched: Experiment, place: Path) -> None:
    """Kill a run while a trial blocks."""
    run = partial(harness.run, searched, place / "run")
    kill_in_a_trial(run, place, signal.SIGKILL, seconds=600)


@dataclass(frozen=True)
class Halfway:
    """An experiment that is killed under one backend and continued under another."""

    trials: int
    pruner: bool

    def whole(self) -> Experiment:
        """Return the experiment without a kill."""
        return self._with(material.evaluate_variously)

    def first(self) -> Experiment:
        """Return the experiment with a trial that blocks until the run is killed."""
        return self._with(material.Waiting(self.trials // 2, material.evaluate_variously))

    def _with(self, evaluate: Any) -> Experiment:
        pruner = MedianPruner(startup=3) if self.pruner else None
        name = "RegularizedEvolution"
        return experiment(name, self.trials, evaluate=evaluate, pruner=pruner)


def moved(here: Path, there: BackendHarness, halfway: Halfway) -> str:
    """Continue a killed run under another backend, and compare it with a bare search."""
    expected = comparable(bare_loop(halfway.whole()))
    with tempfile.TemporaryDirectory() as place:
        history = halfway.whole().run(
            there.backend, Path(place) / "run", jobs=0, observer=None, continue_from=here
        )
        return compared(comparable(history), expected)


def pairs(names: Sequence[str], trials: int) -> dict[tuple[str, str], str]:
    """Return a cell for each pair of backends (first, second)."""
    cells: dict[tuple[str, str], str] = {}
    for here in names:
        with tempfile.TemporaryDirectory() as place:
            can_prune = not isinstance(BackendHarness(here).support.pruning, NotSupported)
            for halfway in (Halfway(trials, True), Halfway(trials, False)):
                if halfway.pruner and not can_prune:
                    continue
                folder = Path(place) / str(halfway.pruner)
                folder.mkdir()
                kill(BackendHarness(here), halfway.first(), folder)
                write_note(folder / "run", note_of(here, 0, {}, Origin()))
                for there in names:
                    prunes = can_prune and not isinstance(
                        BackendHarness(there).support.pruning, NotSupported
                    )
                    if prunes == halfway.pruner:
                        go = partial(moved, folder / "run", BackendHarness(there), halfway)
                        cells[here, there] = tried(go, f"{here} -> {there}")
    return cells


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def versions(names: Sequence[str]) -> str:
    """Return the commit, and the versions of Python and of all frameworks."""
    releases = [f"{n} {version(PACKAGES.get(n, n))}" for n in names if BACKENDS[n].library]
    git = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty=, with changes"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    return ", ".join([f"commit {commit}", f"Python {platform.python_version()}", *releases])


PAGE = """# Portability

Made by `{command}`; {versions}.
The command fills every cell. Its exit code is 1 if one differs.

## The same proposals under every backend

{trials} trials of each strategy, compared with those of a bare `Search`: number, architecture,
state and values. The space has conditional decisions, and about a third of the trials fail. The
second figure is that of a run that was killed (SIGKILL) in trial {half} and resumed. All runs are
managed (`experiment.run`), one trial at a time, on one machine.

{first}

## From one backend to another

Each run is killed in trial {half} under the backend of the row, and continued under the backend of
the column with `continue_from=`. The figure is the number of trials that equal, in order, those of
{trials} trials without interruption. They are complete, pruned, failed or running. The strategy is
`RegularizedEvolution`, the pruner `MedianPruner`.

{second}
"""


def main() -> int:
    """Write both tables; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = [name for name in sorted(BACKENDS) if is_installed(name)]
    parser.add_argument("--backends", nargs="+", default=known, choices=sorted(BACKENDS))
    parser.add_argument("--strategies", nargs="+", default=sorted(STRATEGIES))
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "docs" / "benchmarks" / "portability.md"
    )
    arguments = parser.parse_args()
    names, trials = arguments.backends, arguments.trials
    rows: list[list[str]] = []
    for one in arguments.strategies:
        cells = [
            tried(
                partial(check, BackendHarness(name), one, trials),
                f"{one}, {name}, {check.__name__}",
            )
            for name in names
            for check in (proposals, resumed)
        ]
        together = [" / ".join(cells[at : at + 2]) for at in range(0, len(cells), 2)]
        rows.append([f"`{one}`", *together])
    moves = pairs(names, trials)
    matrix = [[here, *(moves[here, there] for there in names)] for here in names]
    page = PAGE.format(
        command=shlex.join(["python", "benchmarks/portability.py", *sys.argv[1:]]),
        versions=versions(names),
        trials=trials,
        half=trials // 2,
        first=table(["strategy", *names], rows),
        second=table(["from \\ to", *names], matrix),
    )
    arguments.output.write_text(page, "utf-8")
    print(page)
    cells = [cell for row in rows for cell in row[1:]] + [
        cell for row in matrix for cell in row[1:]
    ]
    return int(any(part != str(trials) for cell in cells for part in cell.split(" / ")))


if __name__ == "__main__":
    sys.exit(main())
