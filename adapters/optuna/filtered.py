"""Studies as pruners shall see them: without void rows, and with the numbers of our trials.

A trial that was killed leaves a row behind and is repeated in another one. Pruners that count what
others have reached would count it twice, and those that go by numbers, as Hyperband does, would
treat it differently. In the view there is one row a trial, as if nothing had been killed.
"""

import copy
from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from typing import Any, cast, final

from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from .trials import VOID, Numbering, rows_of, storage_of

__all__ = ["ROW", "view_of"]

ROW = "nasbridge:row"  # user attribute of a companion: the row that it accompanies

Shown = Callable[[Sequence[FrozenTrial]], list[FrozenTrial]]


def view_of(study: Study, companion: Study | None = None) -> Study:
    """Return a study, or its companion, as pruners shall see it; it writes through.

    Args:
        study: The study.
        companion: The study that the pruner works on, if it is another one.
    """
    if companion is None:
        seen, shown = study, _counted
    else:
        seen, shown = companion, partial(_accompanying, study)
    view = cast(BaseStorage, _View(storage_of(seen), shown))
    return Study(seen.study_name, view, RandomSampler(0), study.pruner)


@final
class _View:
    """A storage that shows its rows differently.

    Args:
        storage: The storage.
        shown: Returns what is to be shown instead of all rows.
    """

    def __init__(self, storage: BaseStorage, shown: Shown) -> None:
        self._storage = storage
        self._shown = shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        rows = self._shown(self._storage.get_all_trials(study_id, deepcopy=deepcopy))
        return rows if states is None else [row for row in rows if row.state in states]


def _counted(rows: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    numbering = Numbering()
    numbered = [(numbering.number(row), row) for row in rows]
    return _renumbered((n, row) for n, row in numbered if VOID not in row.user_attrs)


def _accompanying(study: Study, rows: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    numbering = Numbering()
    numbered = [(numbering.number(row), row) for row in rows_of(study)]
    numbers = {row.number: n for n, row in numbered if VOID not in row.user_attrs}
    known = [(row.user_attrs.get(ROW), row) for row in rows]
    return _renumbered((numbers[k], row) for k, row in known if k in numbers)


def _renumbered(numbered: Iterable[tuple[int, FrozenTrial]]) -> list[FrozenTrial]:
    shown: list[FrozenTrial] = []
    for number, row in sorted(numbered, key=lambda pair: pair[0]):
        if row.number != number:
            row = copy.copy(row)
            row.number = number
        shown.append(row)
    return shown
