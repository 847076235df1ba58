"""Histories: the trials of an experiment, in the order in which they finished."""

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

    A history is a sequence of trials. It can be saved as JSON Lines and loaded by every backend.

    Attributes:
        space: The search space.
        objectives: The metrics that were maximized or minimized.
        trials: The trials.
        seed: The seed of the experiment.
        strategy: The `repr` of the strategy; empty if it is not known.
        metadata: Further JSON-serializable information for reports, such as the backend and the
            command.
        skipped: The numbers without an architecture of this space, each once: of trials that
            failed before sampling and, under NNI and Optuna, of trials outside of the space. No
            trial of the history has one of these numbers.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies import History, Objective, Trial
        >>> space = Space({"units": Choice([16, 32])})
        >>> trial = Trial(0, space.architecture({"units": 16}), "complete", {"loss": 0.5})
        >>> history = History(space, (Objective("loss", "min"),), (trial,))
        >>> len(history), history.best.values["loss"]
        (1, 0.5)
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...] = ()
    seed: int = 0
    strategy: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    skipped: tuple[int, ...] = ()

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
        """Return the trials in one of the given states, as `of_state("complete", "pruned")`."""
        return tuple(trial for trial in self.trials if trial.state in states)

    @property
    def best(self) -> Trial:
        """The complete trial with the best value; of equally good ones, the earliest.

        Raises:
            HistoryError: There are several objectives, or no trial is complete.
        """
        if len(self.objectives) > 1:
            names = ", ".join(o.metric for o in self.objectives)
            raise HistoryError(
                f"no single best trial with {len(self.objectives)} objectives ({names}): choose "
                "one of history.pareto"
            )
        return max(self._complete(), key=lambda trial: self._scores(trial))

    @property
    def pareto(self) -> tuple[Trial, ...]:
        """The complete trials on the Pareto front, in the order they finished.

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
            counts = ", ".join(f"{n} {state}" for state, n in states.items() if n) or "no trials"
            cause = f"; {self.failure}" if self.failure else ""
            raise HistoryError(f"no best trial: no trial is complete ({counts}){cause}")
        return complete

    @property
    def failure(self) -> str:
        """The most frequent error of the failed trials, with its count; empty if none failed."""
        errors = Counter(str(trial.notes.get("error", "?")) for trial in self.of_state("failed"))
        if not errors:
            return ""
        error, times = errors.most_common(1)[0]
        return f"{times} failed with {error}"

    def _scores(self, trial: Trial) -> tuple[float, ...]:
        scores = trial.scores(self.objectives)
        if scores is None:
            raise HistoryError(
                f"trial {trial.number} is complete, but an objective is missing or not finite"
            )
        return scores

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a data frame with one row per trial.

        The columns are `number`, `state`, `seconds`, `values.<metric>` and `choices.<decision>`.

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
        """Write the history as JSON Lines, which every backend can import.

        Args:
            path: The new file.

        Raises:
            HistoryError: The file exists or cannot be written.
        """
        from .history_file import write_history

        write_history(self, Path(path))

    @staticmethod
    def load(path: str | Path, space: SearchSpace | None = None) -> "History":
        """Read a history from JSON Lines.

        Args:
            path: The file.
            space: The space, needed if it holds functions or classes, which the file cannot
                describe. Its fingerprint must match the file's.

        Raises:
            HistoryError: The file is missing, damaged, or belongs to another space. The message
                names the line.
        """
        from .history_reader import read_history

        return read_history(Path(path), space)


def in_order(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Return trials in the order of a history: by end time, running ones last."""

    def place(trial: Trial) -> tuple[bool, float, int]:
        running = trial.state == "running"
        return running, 0.0 if running else trial.finished or 0.0, trial.number

    return tuple(sorted(trials, key=place))
