"""Spaces as Optuna distributions and back, and architectures as suggested by trials."""

from collections.abc import Mapping, Sequence
from typing import cast

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study
from optuna.trial import Trial

from ...engine.errors import BackendError
from ...engine.native_options import choice_of, naming_parameter
from ...engine.native_values import list_values, read_label
from ...spaces import (
    Architecture,
    Categorical,
    Choice,
    Decision,
    GeometricRange,
    Integer,
    IntegerRange,
    InvalidArchitecture,
    Label,
    Real,
    RealGrid,
    RealRange,
    SearchSpace,
    Space,
    When,
)
from .study_space import Conditions, find_conditions, unite

__all__ = ["from_native", "suggest", "to_native"]


def to_native(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the distributions of all decisions of a space, active or not.

    Args:
        space: The space.

    Example:
        >>> from nasbridge import Integer, Space
        >>> from nasbridge.adapters.optuna import to_native
        >>> to_native(Space({"layers": Integer(1, 4)}))
        {'layers': IntDistribution(high=4, log=False, low=1, step=1)}
    """
    return {decision.name: _distribution(decision) for decision in space.decisions}


def _distribution(decision: Decision) -> BaseDistribution:
    match decision.domain:
        case Categorical(labels):
            return CategoricalDistribution(labels)
        case IntegerRange() as domain:
            log = domain.log and domain.step == 1  # Optuna has no logarithmic steps
            return IntDistribution(domain.low, domain.values()[-1], log=log, step=domain.step)
        case RealRange(low, high, log):
            return FloatDistribution(low, high, log=log)
        case RealGrid(low=low, step=step, origin=None) as domain:  # as above
            return FloatDistribution(low, domain.values()[-1], step=step)
        case RealGrid() | GeometricRange():
            return CategoricalDistribution(list_values(decision))
        case other:
            raise BackendError(f"decision {decision.name!r} has the unknown domain {other!r}")


def from_native(native: Mapping[str, BaseDistribution] | Study) -> Space:
    """Return the space of some distributions, or of those that a study's trials have used.

    Distributions have no conditions, so every decision is always active. In a study, a parameter
    that some trials lack becomes conditional if the value of another one explains which, and a
    range that differs between trials becomes the smallest range that contains all of them.

    Args:
        native: Distributions by name, or a study.

    Raises:
        BackendError: A distribution is of an unknown class, or the study has no parameters yet.
    """
    conditions: Conditions = {}
    if isinstance(native, Study):
        rows = native.get_trials(deepcopy=False)
        native = unite(rows)
        conditions = find_conditions(rows, native)
    if not native:
        raise BackendError(
            "there are no distributions to make a space of: pass them as a dict, or pass a study "
            "with at least one trial that has suggested a parameter"
        )
    nodes = {name: _node(name, distribution) for name, distribution in native.items()}
    return Space(
        {name: _conditional(node, name, nodes, conditions) for name, node in nodes.items()}
    )


def _conditional(
    node: Choice | Integer | Real,
    name: str,
    nodes: Mapping[str, Choice | Integer | Real],
    conditions: Conditions,
) -> Choice | Integer | Real | When:
    if name not in conditions:
        return node
    parent, values = conditions[name]
    (decision,) = Space({parent: nodes[parent]}).decisions
    return When(node, ({parent: tuple(read_label(decision, value) for value in values)},))


@naming_parameter
def _node(name: str, distribution: BaseDistribution) -> Choice | Integer | Real:
    match distribution:
        case CategoricalDistribution():
            return choice_of(name, cast(Sequence[object], distribution.choices))
        case IntDistribution():
            return Integer(distribution.low, distribution.high, distribution.step, distribution.log)
        case FloatDistribution(low=low, high=high, step=step):
            return Real(low, high, distribution.log, step=step)
        case _:
            raise BackendError(f"parameter {name!r} has the unknown distribution {distribution!r}")


def suggest(trial: Trial, space: SearchSpace) -> Architecture:
    """Suggest an architecture: one parameter for each active decision.

    Works with every Optuna sampler. With a `NASSampler`, its strategy proposes the architecture.

    Args:
        trial: A running trial.
        space: The space.

    Returns:
        The architecture.

    Raises:
        InvalidArchitecture: An enqueued value is outside its decision's domain.

    Example:
        >>> import optuna
        >>> from nasbridge import Choice, Space
        >>> from nasbridge.adapters.optuna import suggest
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study()
        >>> study.enqueue_trial({"units": 32})
        >>> suggest(study.ask(), Space({"units": Choice([16, 32, 64])}))["units"]
        32
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
            return cast(Label, trial.suggest_categorical(name, labels))
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(name, low, high, step=step, log=log)
        case other:
            real = cast(FloatDistribution, other)
            value = trial.suggest_float(name, real.low, real.high, step=real.step, log=real.log)
            return read_label(decision, value)


def _enqueued_as_label(trial: Trial, decision: Decision) -> None:
    """Replace an enqueued option by its label; the distributions consist of labels."""
    name, fixed = decision.name, trial._fixed_params  # pyright: ignore[reportPrivateUsage]
    if name not in fixed:
        return
    try:
        label = read_label(decision, fixed[name])
    except ValueError as error:
        raise InvalidArchitecture(
            f"the value {fixed[name]!r} was enqueued for the decision {name!r}, which is "
            f"{decision.domain}: enqueue one of these"
        ) from error
    trial._fixed_params = {**fixed, name: label}  # pyright: ignore[reportPrivateUsage]
