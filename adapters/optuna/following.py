"""Which study a sampler follows, and what its trials search beside the sampler's space."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, final

from optuna.distributions import BaseDistribution
from optuna.samplers import PartialFixedSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from ...engine.errors import BackendError
from ...engine.native_values import read_label
from ...spaces import Label, SearchSpace, SpaceError
from ...strategies import Strategy, StrategyError
from .joint_space import JointSpace
from .space import from_native
from .study_log import StudyLog

__all__ = ["Following", "declared", "fixed_by", "labels_of"]

Distributions = Mapping[str, BaseDistribution]


class Joint(NamedTuple):
    """What is searched beside a space, and which values are fixed."""

    extra: Distributions
    fixed: Mapping[str, Label]


@final
class Following:
    """The log of a study, in the space that its trials search at the moment.

    Args:
        space: The space.
        strategy: The search method.
        seed: Fixes every proposal.
        extra: Declared parameters beside the space; None for those that trials suggest.

    Attributes:
        log: The log; None before the first study.
        joint: What is joint with the space.
    """

    def __init__(
        self,
        space: SearchSpace,
        strategy: Strategy[Any],
        seed: int,
        extra: Distributions | None,
    ) -> None:
        self._space = space
        self._strategy = strategy
        self._seed = seed
        self._extra = extra
        self.log: StudyLog | None = None
        self.joint = Joint({}, {})

    def follow(self, study: Study) -> StudyLog:
        """Return the log of a study, a new one if the last one was of another study."""
        if self.log is None or not self.log.follows(study):
            return self._open(study, Joint(self._extra or {}, {}))
        return self.log

    def read_before_proposal(
        self, study: Study, row: int, running: Sequence[FrozenTrial] = ()
    ) -> StudyLog:
        """Return the log of a study as read now, of the space that its trials search now.

        Args:
            study: The study.
            row: The row that gets a proposal.
            running: Rows whose parameters count although they have not finished.
        """
        log = self.follow(study)
        log.read_before_proposal(row)
        fixed = labels_of(fixed_by(study), log.trials.space)
        wanted = Joint(self._found(log, running), fixed)
        if wanted != self.joint:
            log = self._open(study, wanted)
            log.read_before_proposal(row)
        return log

    def finds_more(self, running: Sequence[FrozenTrial]) -> bool:
        """Return whether running rows have parameters that are not joint with the space yet."""
        return self.log is not None and self._found(self.log, running) != self.joint.extra

    def _found(self, log: StudyLog, running: Sequence[FrozenTrial]) -> Distributions:
        return log.extra.found(running) if self._extra is None else self._extra

    def _open(self, study: Study, joint: Joint) -> StudyLog:
        """Follow a study, whose trials search the sampler's space and what is joint with it."""
        extra = from_native(joint.extra) if joint.extra else None
        joined = JointSpace(self._space, extra, joint.fixed) if extra or joint.fixed else None
        try:
            log = StudyLog(study, joined or self._space, self._strategy, self._seed)
        except (SpaceError, StrategyError):  # as grid search, which needs a finite space
            if extra is None or self._extra is not None:
                raise
            alone = JointSpace(self._space, None, joint.fixed)
            log = StudyLog(study, alone, self._strategy, self._seed)
        self.log, self.joint = log, joint
        return log


def declared(extra: Mapping[str, BaseDistribution], space: SearchSpace) -> Distributions:
    """Return declared parameters in alphabetical order.

    Raises:
        BackendError: A parameter is a decision of the space.
    """
    both = [decision.name for decision in space.decisions if decision.name in extra]
    if both:
        raise BackendError(
            f"the parameters {both} of extra= are decisions of the space, too: rename them"
        )
    return {name: extra[name] for name in sorted(extra)}


def fixed_by(study: Study) -> Mapping[str, object]:
    """Return the values that `PartialFixedSampler`s around the sampler fix."""
    fixed: dict[str, object] = {}
    sampler = study.sampler
    while isinstance(sampler, PartialFixedSampler):
        fixed = {**sampler._fixed_params, **fixed}  # pyright: ignore[reportPrivateUsage]
        sampler = sampler._base_sampler  # pyright: ignore[reportPrivateUsage]
    return fixed


def labels_of(values: Mapping[str, object], space: SearchSpace) -> dict[str, Label]:
    """Return the labels of decisions that have one of these values."""
    known: dict[str, Label] = {}
    for decision in space.decisions:
        if decision.name in values:
            with suppress(ValueError):  # the row is outside the space and will be ignored
                known[decision.name] = read_label(decision, values[decision.name])
    return known
