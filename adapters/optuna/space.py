"""Optuna's distributions and our spaces, there and back."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real as RealNumber
from typing import TypeGuard, cast

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study
from optuna.trial import Trial

from ...engine.errors import BackendError
from ...spaces import (
    Architecture,
    Categorical,
    Choice,
    Decision,
    Integer,
    IntegerRange,
    InvalidArchitecture,
    Label,
    Real,
    RealRange,
    SearchSpace,
    Space,
)

__all__ = ["from_native", "label_in", "suggest", "to_native"]


def to_native(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the distributions of all decisions, active or not.

    Args:
        space: Any space.
    """
    return {decision.name: _distribution(decision) for decision in space.decisions}


def _distribution(decision: Decision) -> BaseDistribution:
    match decision.domain:
        case Categorical(labels):
            return CategoricalDistribution(labels)
        case IntegerRange() as domain:
            log = domain.log and domain.step == 1  # Optuna knows no logarithmic steps
            return IntDistribution(domain.low, domain.values()[-1], log=log, step=domain.step)
        case RealRange(low, high, log):
            return FloatDistribution(low, high, log=log)
        case other:
            raise BackendError(f"the decision {decision.name!r} has the unknown domain {other!r}")


def from_native(native: Mapping[str, BaseDistribution] | Study) -> Space:
    """Make a space of distributions, or of those that a study's trials have used.

    Conditions are not part of them: every decision is always active.

    Args:
        native: Distributions by name, or a study.

    Raises:
        BackendError: A distribution has no counterpart, or a study has no parameters yet.
    """
    if isinstance(native, Study):
        found: dict[str, BaseDistribution] = {}
        for frozen in native.get_trials(deepcopy=False):
            found |= frozen.distributions
        native = found
    if not native:
        raise BackendError(
            "there are no distributions to make a space of: give them as a dict, or a study "
            "with at least one trial that has suggested something"
        )
    return Space({name: _node(name, distribution) for name, distribution in native.items()})


def _node(name: str, distribution: BaseDistribution) -> Choice | Integer | Real:
    match distribution:
        case CategoricalDistribution():
            return Choice(list(cast(Sequence[object], distribution.choices)))
        case IntDistribution():
            return Integer(distribution.low, distribution.high, distribution.step, distribution.log)
        case FloatDistribution(low=low, high=high, step=None):
            return Real(low, high, distribution.log)
        case FloatDistribution(low=low, high=high, step=float(step)):
            return Choice(_steps(low, high, step))
        case _:
            raise BackendError(f"{name!r} has the unknown distribution {distribution!r}")


def _steps(low: float, high: float, step: float) -> list[float]:
    """List the values of a distribution with steps: 0.3, and not 0.1 three times over."""
    first, distance = Decimal(str(low)), Decimal(str(step))  # as Optuna finds the last one
    return [float(first + k * distance) for k in range(round((high - low) / step) + 1)]


def label_in(decision: Decision, value: object) -> Label:
    """Return the label of a value as Optuna has it: 2.0 may mean 2, and 0.1 * 3 means 0.3.

    Args:
        decision: The decision.
        value: Its value: a label, an option, or a number that is nearly one.

    Raises:
        ValueError: It is outside the decision's domain.
    """
    label = decision.label_of(value)
    if isinstance(label, float) and isinstance(decision.domain, IntegerRange):
        label = int(label) if label.is_integer() else label
    if isinstance(decision.domain, Categorical) and _is_number(label):
        near = (
            name
            for name, option in zip(decision.domain.labels, decision.options, strict=False)
            if _is_number(option) and math.isclose(option, label, abs_tol=1e-12)
        )
        label = next(near, label)
    return decision.domain.check(label)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, RealNumber) and not isinstance(value, bool)


def suggest(trial: Trial, space: SearchSpace) -> Architecture:
    """Let an Optuna trial suggest an architecture, active decisions only.

    Works with every sampler of Optuna; with a `NASSampler` the strategy decides.

    Args:
        trial: The running trial.
        space: The space.

    Returns:
        The architecture.

    Raises:
        InvalidArchitecture: A value that was enqueued is outside its decision's domain.
    """
    choices: dict[str, Label] = {}
    for decision in space.decisions:
        if decision.is_active(choices):
            choices[decision.name] = _suggest(trial, decision)
    return space.architecture(choices)


def _suggest(trial: Trial, decision: Decision) -> Label:
    name = decision.name
    _enqueued_as_label(trial, decision)
    match _distribution(decision):
        case CategoricalDistribution(choices=labels):
            return trial.suggest_categorical(name, cast(Sequence[str], labels))
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(name, low, high, step=step, log=log)
        case other:
            real = cast(FloatDistribution, other)
            return trial.suggest_float(name, real.low, real.high, log=real.log)


def _enqueued_as_label(trial: Trial, decision: Decision) -> None:
    """Let a trial take an enqueued option as its label; Optuna knows nothing but labels."""
    name, fixed = decision.name, trial._fixed_params  # pyright: ignore[reportPrivateUsage]
    if name not in fixed:
        return
    try:
        label = label_in(decision, fixed[name])
    except ValueError as error:
        raise InvalidArchitecture(
            f"the value {fixed[name]!r} was enqueued for the decision {name!r}, which is "
            f"{decision.domain}: enqueue one of these"
        ) from error
    trial._fixed_params = {**fixed, name: label}  # pyright: ignore[reportPrivateUsage]
