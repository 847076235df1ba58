"""Parameters that an objective suggests beside a space, found in the trials of a study."""

from collections.abc import Iterable, Mapping
from typing import final

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

__all__ = ["ExtraParameters"]


@final
class ExtraParameters:
    """Collects the parameters of trials that are no decisions of a space.

    A parameter counts as long as all trials suggest it with the same distribution; Optuna's own
    samplers draw others independently, too. Nor does it count if options are lists or dicts:
    storages turn tuples into lists, so the objective may have others. The result depends on the set
    of trials alone.

    Args:
        known: Names of the decisions.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._found: dict[str, BaseDistribution | None] = {}  # None: it differs between trials

    def add(self, row: FrozenTrial) -> None:
        """Add the parameters of a trial."""
        for name, distribution in row.distributions.items():
            if name in self._known or distribution.single():
                continue
            if (
                _is_changed_by_storages(distribution)
                or self._found.setdefault(name, distribution) != distribution
            ):
                self._found[name] = None

    def found(self, running: Iterable[FrozenTrial] = ()) -> Mapping[str, BaseDistribution]:
        """Return the parameters by name, in alphabetical order.

        Args:
            running: Trials that are not added, but whose parameters count here.
        """
        everything = ExtraParameters(self._known)
        everything._found = dict(self._found)
        for row in running:
            if row.state == TrialState.RUNNING:
                everything.add(row)
        return {n: d for n, d in sorted(everything._found.items()) if d is not None}


def _is_changed_by_storages(distribution: BaseDistribution) -> bool:
    if not isinstance(distribution, CategoricalDistribution):
        return False
    return any(isinstance(option, list | dict) for option in distribution.choices)
