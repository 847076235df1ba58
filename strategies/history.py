"""History: the trials of an experiment, in the order in which they finished."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final, overload

from ..spaces import MissingExtra, SearchSpace
from .errors import HistoryError
from .pareto import non_dominated
from .trial import Objective, Trial

if TYPE_CHECKING:
    import pandas

__all__ = ["History"]


@final
@dataclass(frozen=True, eq=False)
class History(Sequence[Trial]):
    """The trials of an experiment: finished ones in the order they finished, then running ones.

    Attributes:
        space: What was searched.
        objectives: What was maximised or minimised.
        trials: The trials.
        seed: The experiment's seed.
        strategy: The strategy's settings, as text.
        metadata: Further JSON-serializable information for reports, such as the backend and the
            command.
        skipped: The numbers of trials that failed before sampling, so without an architecture.
            No other trial takes these numbers.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies import History, Objective, Trial
        >>> space = Space({"units": Choice([16, 32])})
        >>> trial = Trial(0, space.architecture({"units": 16}), "complete", {"loss": 0.5})
        >>> History(space, (Objective("loss", "min"),), (trial,)).best.values["loss"]
        0.5
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...] = ()
    seed: int = 0
    strategy: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    skipped: tuple[int, ...] = ()

    # ------------------------------------------------------------------ a sequence of trials

    def __len__(self) -> int:
        return len(self.trials)

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Trial, ...]: ...
    def __getitem__(self, index: int | slice) -> Trial | tuple[Trial, ...]:
        return self.trials[index]

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def of_state(self, *states: str) -> tuple[Trial, ...]:
        """Return the trials in the given states, as `of_state("complete", "pruned")`."""
        return tuple(trial for trial in self.trials if trial.state in states)

    # ------------------------------------------------------------------ what came out

    @property
    def best(self) -> Trial:
        """The complete trial with the best value, the earliest of equals.

        Raises:
            HistoryError: There are several objectives, or no trial is complete.
        """
        if len(self.objectives) > 1:
            names = ", ".join(o.metric for o in self.objectives)
            raise HistoryError(
                f"there are {len(self.objectives)} objectives ({names}), so there is no single "
                "best trial: take one of history.pareto"
            )
        return max(self._complete(), key=lambda trial: self._scores(trial))

    @property
    def pareto(self) -> tuple[Trial, ...]:
        """The complete trials that no other one dominates, in the order they finished.

        Raises:
            HistoryError: No trial is complete.
        """
        complete = self._complete()
        front = non_dominated([self._scores(trial) for trial in complete])
        return tuple(complete[position] for position in front)

    def _complete(self) -> tuple[Trial, ...]:
        complete = self.of_state("complete")
        if not complete:
            states = {state: len(self.of_state(state)) for state in ("failed", "pruned", "running")}
            said = ", ".join(f"{n} {state}" for state, n in states.items() if n) or "no trial yet"
            failure = self.failure
            why = f"; {failure}" if failure else ""
            raise HistoryError(f"no trial is complete ({said}), so there is no best one{why}")
        return complete

    @property
    def failure(self) -> str:
        """Say what the failed trials failed with, the most frequent error; empty if none failed."""
        errors = Counter(str(trial.notes.get("error", "?")) for trial in self.of_state("failed"))
        if not errors:
            return ""
        error, times = errors.most_common(1)[0]
        return f"{times} failed with {error}"

    def _scores(self, trial: Trial) -> tuple[float, ...]:
        scores = trial.scores(self.objectives)
        if scores is None:
            raise HistoryError(f"trial {trial.number} is complete but has no finite objectives")
        return scores

    # ------------------------------------------------------------------ elsewhere

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a table with a row a trial: number, state, seconds, metrics and decisions.

        Metrics are called `values.<metric>`, decisions `choices.<name>`.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingExtra("pandas", "report", "History.to_pandas()") from error
        rows = [
            {
                "number": trial.number,
                "state": trial.state,
                "seconds": trial.seconds,
                **{f"values.{metric}": value for metric, value in trial.values.items()},
                **{f"choices.{name}": label for name, label in trial.architecture.choices.items()},
            }
            for trial in self.trials
        ]
        return pandas.DataFrame(rows)

    def save(self, path: str | Path) -> None:
        """Write the history as JSON Lines, which every backend can start from.

        Args:
            path: The file; it must not exist.
        """
        from .history_file import write_history

        write_history(self, Path(path))

    @staticmethod
    def load(path: str | Path, space: SearchSpace | None = None) -> "History":
        """Read a history from JSON Lines.

        Args:
            path: The file.
            space: The space, where the file's own description is not enough (it holds
                functions or classes of yours); checked against the file.

        Raises:
            HistoryError: The file is missing, damaged, or of another space; says which line.
        """
        from .history_file import read_history

        return read_history(Path(path), space)


def in_order(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Sort trials into the order of a history."""

    def place(trial: Trial) -> tuple[bool, float, int]:
        running = trial.state == "running"
        return running, 0.0 if running else trial.finished or 0.0, trial.number

    return tuple(sorted(trials, key=place))
