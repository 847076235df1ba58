"""Architectures as suggested by the trials of a study."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import cast

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, GridSampler, PartialFixedSampler
from optuna.study import Study
from optuna.trial import BaseTrial, FixedTrial, FrozenTrial, Trial

from ...engine.errors import BackendError
from ...engine.native_values import read_label
from ...spaces import Architecture, Decision, InvalidArchitecture, Label, SearchSpace
from .attributes import id_of, rows_of, storage_of
from .space import distribution_of

__all__ = ["counterparts_of", "fixed_by", "is_foreign", "suggest"]

MOST_VALUES = 10_000  # of an integer of earlier trials


def suggest(trial: BaseTrial, space: SearchSpace) -> Architecture:
    """Suggest an architecture: one parameter for each active decision.

    Works with every Optuna sampler. With a `NASSampler`, its strategy proposes the architecture.
    Values that are enqueued, or given to a `FixedTrial`, a `PartialFixedSampler` or a
    `GridSampler`, may be options or their labels. A study keeps the options under which its earlier
    trials have stored a decision, such as numbers where the space has labels.

    Args:
        trial: A running trial; or a finished one or a `FixedTrial`, to evaluate its architecture
            again.
        space: The space.

    Returns:
        The architecture.

    Raises:
        InvalidArchitecture: An enqueued or fixed value is outside its decision's domain.
        BackendError: The study's earlier trials have a parameter of the same name whose values are
            not those of the decision.

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


def _suggest(trial: BaseTrial, decision: Decision) -> Label:
    own, given = distribution_of(decision), _given(trial, decision)
    stored = trial.distributions.get(decision.name) if isinstance(trial, FrozenTrial) else None
    if stored is None or not is_foreign(stored, own):
        try:
            return _ask(trial, decision, own, given)
        except ValueError:
            stored = _stored(trial, decision.name)
            if stored is None or not is_foreign(stored, own):
                raise
    counterparts = counterparts_of(decision, stored)
    return _ask(trial, decision, stored, None if given is None else counterparts[given])


def _ask(
    trial: BaseTrial, decision: Decision, distribution: BaseDistribution, given: object
) -> Label:
    """Suggest a decision from a distribution, or give it a value that is known."""
    name = decision.name
    if given is not None:
        _give(trial, name, given)
    match distribution:
        case CategoricalDistribution(choices=choices):
            value: object = trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            value = trial.suggest_int(name, low, high, step=step, log=log)
        case other:
            real = cast(FloatDistribution, other)
            value = trial.suggest_float(name, real.low, real.high, step=real.step, log=real.log)
    return read_label(decision, value)


def is_foreign(stored: BaseDistribution, own: BaseDistribution) -> bool:
    """Return whether Optuna accepts no trials with both distributions in a study."""
    match stored, own:
        case IntDistribution(), IntDistribution():
            return stored.log != own.log
        case FloatDistribution(), FloatDistribution():
            return stored.log != own.log
        case _:
            return stored != own


def counterparts_of(decision: Decision, distribution: BaseDistribution) -> Mapping[Label, object]:
    """Return the value of each label in another distribution, as a study stores the decision.

    Raises:
        BackendError: The values of the distribution are not those of the decision.
    """
    found: dict[Label, object] = {}
    values = _values_of(distribution)
    for value in values:
        with suppress(ValueError):
            found.setdefault(read_label(decision, value), value)
    if not 0 < len(found) == len(values) == decision.domain.size:
        raise BackendError(
            f"earlier trials of the study have a parameter {decision.name!r} from {distribution}, "
            f"and the decision of this name is {decision.domain}. Optuna does not let the values "
            "of a parameter change within a study: use a new study_name=, give the decision "
            "another name=, or let it have the values of the earlier trials"
        )
    return found


def _values_of(distribution: BaseDistribution) -> Sequence[object]:
    """Return the values of a distribution; none if there are very many."""
    match distribution:
        case CategoricalDistribution(choices=choices):
            return choices
        case IntDistribution(low=low, high=high, step=step):
            whole = range(low, high + 1, step)
            return whole if len(whole) <= MOST_VALUES else ()
        case _:
            return ()


def _stored(trial: BaseTrial, name: str) -> BaseDistribution | None:
    """Return the distribution of a parameter in the first trial of the study that has it."""
    if not isinstance(trial, Trial):
        return None
    found = (row.distributions.get(name) for row in rows_of(trial.study))
    return next((distribution for distribution in found if distribution is not None), None)


def _given(trial: BaseTrial, decision: Decision) -> Label | None:
    """Return the label of a decision whose value is known before a sampler is asked."""
    name = decision.name
    for how, values in _sources(trial):
        if name in values:
            try:
                return read_label(decision, values[name])
            except ValueError as error:
                raise InvalidArchitecture(
                    f"the value {values[name]!r} was {how} for the decision {name!r}, which is "
                    f"{decision.domain}: use one of these"
                ) from error
    return None


def _sources(trial: BaseTrial) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield what gives values to a trial, the strongest first. Optuna has no public names."""
    if isinstance(trial, FixedTrial):
        yield "fixed", trial._params  # pyright: ignore[reportPrivateUsage]
    if isinstance(trial, Trial):
        yield "enqueued", trial._fixed_params  # pyright: ignore[reportPrivateUsage]
        yield "given to PartialFixedSampler", fixed_by(trial.study)
        yield "given to GridSampler", _grid_point(trial)


def fixed_by(study: Study) -> Mapping[str, object]:
    """Return the values that `PartialFixedSampler`s of a study fix."""
    fixed: dict[str, object] = {}
    for sampler in _samplers(study):
        if isinstance(sampler, PartialFixedSampler):
            fixed = {**sampler._fixed_params, **fixed}  # pyright: ignore[reportPrivateUsage]
    return fixed


def _samplers(study: Study) -> Iterator[BaseSampler]:
    """Yield the sampler of a study, and those within it."""
    sampler = study.sampler
    while isinstance(sampler, PartialFixedSampler):
        yield sampler
        sampler = sampler._base_sampler  # pyright: ignore[reportPrivateUsage]
    yield sampler


def _grid_point(trial: Trial) -> Mapping[str, object]:
    """Return the values that a `GridSampler` has chosen for a trial; none of other samplers."""
    *_, sampler = _samplers(trial.study)
    if not isinstance(sampler, GridSampler):
        return {}
    number = storage_of(trial.study).get_trial_system_attrs(id_of(trial)).get("grid_id")
    if number is None:  # the trial is enqueued
        return {}
    names = sampler._param_names  # pyright: ignore[reportPrivateUsage]
    points = cast(
        Sequence[Sequence[object]],
        sampler._all_grids,  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
    )
    return dict(zip(names, points[number], strict=True))


def _give(trial: BaseTrial, name: str, value: object) -> None:
    """Let a trial suggest this value, without asking a sampler."""
    if isinstance(trial, FixedTrial):
        trial._params = {**trial._params, name: value}  # pyright: ignore[reportPrivateUsage]
    elif isinstance(trial, Trial):
        known = trial._fixed_params  # pyright: ignore[reportPrivateUsage]
        trial._fixed_params = {**known, name: value}  # pyright: ignore[reportPrivateUsage]
