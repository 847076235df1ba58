"""The same proposals under every backend, and from one to another: a table made by running it.

    python benchmarks/portability.py     # writes docs/portability.md; exit code 1: a cell is wrong

A cell of the first table: 60 trials of a strategy under a backend, once as they come and once with
SIGKILL in trial 30 and resumed, each compared with what a bare `Search` proposes, on a space with
conditional decisions; a third of the trials fail. A cell of the second: killed in trial 30 under
one backend, moved, and continued under another one, compared with 60 in one place, with trials that
are complete, pruned, failed and running.
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
from nasbridge.adapters import BACKENDS
from nasbridge.adapters.registry import is_installed
from nasbridge.engine import NotSupported
from nasbridge.engine.run_note import Origin, note_of, write_note
from nasbridge.testing import harness as material
from nasbridge.testing.harness import STRATEGIES, BackendHarness, bare_loop, facts, strategy
from nasbridge.testing.killing import kill_in_a_trial

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = {"autogluon": "autogluon.tabular", "ray_tune": "ray", "keras_tuner": "keras-tuner"}

Fact = Any


def experiment(name: str, trials: int, **settings: Any) -> Experiment:
    """Return an experiment with conditional decisions and trials that fail."""
    standard: dict[str, Any] = {
        "evaluate": material.evaluate_or_fail,
        "objectives": {"score": "max"},
        "strategy": strategy(name),
        "trials": trials,
        "seed": 3,
        "max_failures": trials,
    }
    return Experiment(material.chain(), **standard | settings)


def compared(found: Sequence[Fact], expected: Sequence[Fact]) -> str:
    """Say whether two runs agree, and where they do not."""
    for number, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"differs at {number}"
    same = len(found) == len(expected)
    return str(len(found)) if same else f"{len(found)} of {len(expected)}"


def tried(compare: Callable[[], str], label: str) -> str:
    """Return a cell: what a comparison says, or the error that it ended with."""
    began = time.monotonic()
    try:
        cell = compare()
    except Exception as error:  # the cell says it, and the exit code
        print(f"{label}: {error!r}", file=sys.stderr)
        cell = f"{type(error).__name__}"
    print(f"{label}: {cell}, {time.monotonic() - began:.1f} s", flush=True)
    return cell


# ---------------------------------------------------------------------- strategies x backends


def proposals(harness: BackendHarness, name: str, trials: int) -> str:
    """Compare the trials of a run with a bare search."""
    searched = experiment(name, trials)
    with tempfile.TemporaryDirectory() as place:
        return compared(
            facts(harness.run(searched, Path(place) / "run")), facts(bare_loop(searched))
        )


def resumed(harness: BackendHarness, name: str, trials: int) -> str:
    """Compare a run that was killed in the middle and resumed with a bare search."""
    searched = experiment(name, trials)
    waiting = material.Waiting(trials // 2, material.evaluate_or_fail)
    killed = experiment(name, trials, evaluate=waiting)
    with tempfile.TemporaryDirectory() as place:
        kill(harness, killed, Path(place))
        return compared(facts(harness.run(killed, Path(place) / "run")), facts(bare_loop(searched)))


def kill(harness: BackendHarness, searched: Experiment, place: Path) -> None:
    """Run until a trial waits, and kill the run there."""
    run = partial(harness.run, searched, place / "run")
    kill_in_a_trial(run, place, signal.SIGKILL, seconds=600)


# ---------------------------------------------------------------------- from one to another


@dataclass(frozen=True)
class Halfway:
    """An experiment that stops in the middle, so that it can go on elsewhere."""

    trials: int
    pruner: bool

    def whole(self) -> Experiment:
        """Return it as it runs in one place."""
        return self._with(material.evaluate_variously)

    def first(self) -> Experiment:
        """Return it as it waits to be killed."""
        return self._with(material.Waiting(self.trials // 2, material.evaluate_variously))

    def _with(self, evaluate: Any) -> Experiment:
        pruner = MedianPruner(startup=3) if self.pruner else None
        name = "RegularizedEvolution"
        return experiment(name, self.trials, evaluate=evaluate, pruner=pruner)


def moved(here: Path, there: BackendHarness, halfway: Halfway) -> str:
    """Continue a killed run under another backend, and compare with one place."""
    expected = facts(bare_loop(halfway.whole()))
    with tempfile.TemporaryDirectory() as place:
        history = halfway.whole().run(
            there.backend, Path(place) / "run", jobs=0, observer=None, continue_from=here
        )
        return compared(facts(history), expected)


def pairs(names: Sequence[str], trials: int) -> dict[tuple[str, str], str]:
    """Return a cell for each backend that begins and each that goes on."""
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


# ---------------------------------------------------------------------- the page


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def versions(names: Sequence[str]) -> str:
    """Say of which releases the table is, and of which state of the repository."""
    said = [f"{n} {version(PACKAGES.get(n, n))}" for n in names if BACKENDS[n].library]
    git = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty=, with changes"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    return ", ".join([f"commit {commit}", f"Python {platform.python_version()}", *said])


PAGE = """# Portability

Made by `{command}`; {versions}.
No cell is filled by hand: the exit code of the command is 1 if one is not what it should be.

## The same proposals under every backend

{trials} trials of each strategy, which must be those of a bare `Search` in every respect: number,
architecture, state, values. The space has conditional decisions, and about a third of the trials
fail. The second figure is of a run that was killed (SIGKILL) in trial {half} and resumed. All of
this is with `experiment.run`, one trial at a time, on one machine.

{first}

## From one backend to another

Killed in trial {half} under the backend of the row, and continued under that of the column with
`continue_from=`. The figure is the number of trials that agree, in order, with {trials} in one
place. Among them are complete, pruned, failed and running ones. The strategy is
`RegularizedEvolution`, the pruner nasbridge's own.

{second}
"""


def main() -> int:
    """Make both tables; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = [name for name in sorted(BACKENDS) if is_installed(name)]
    parser.add_argument("--backends", nargs="+", default=known, choices=sorted(BACKENDS))
    parser.add_argument("--strategies", nargs="+", default=sorted(STRATEGIES))
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "portability.md")
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
