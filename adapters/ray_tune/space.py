# pyright: basic
# Ray's types are of little use from outside.
"""Conversion between Ray's search space dicts and spaces."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, assert_never, cast

from ray import tune
from ray.tune.search import sample

from ...engine.errors import BackendError
from ...engine.native_options import choice_of, naming_parameter, whole_number
from ...engine.native_values import domain_of, list_values, read_architecture
from ...spaces import (
    Architecture,
    Categorical,
    Choice,
    Decision,
    GeometricRange,
    Integer,
    IntegerRange,
    Real,
    RealGrid,
    RealRange,
    SearchSpace,
    Space,
)
from .forms import is_open, parts_of

__all__ = [
    "ARCHITECTURE",
    "architecture_from",
    "from_native",
    "plain_value",
    "to_native",
]

ARCHITECTURE = "arch"  # key of the architecture in a config that is not flat

Native = Mapping[str, Any]


def to_native(space: SearchSpace) -> dict[str, Any]:
    """Return a space as a flat search space of Ray, inactive decisions included.

    Any searcher of Ray can search it; `architecture_from(config, space)` reads its proposals and
    ignores the values of inactive decisions.

    Args:
        space: Any space.
    """
    return {decision.name: _domain(decision) for decision in space.decisions}


def _domain(decision: Decision) -> Any:
    match domain_of(decision):
        case Categorical(labels):
            return tune.choice(list(labels))
        case IntegerRange(low=low, high=high, step=1, log=True):
            return tune.lograndint(low, high + 1)
        case IntegerRange(low=low, high=high, step=1):
            return tune.randint(low, high + 1)
        case IntegerRange() as domain:
            return _stepped(list(domain.values()), domain)
        case RealRange(low, high, log):
            return tune.loguniform(low, high) if log else tune.uniform(low, high)
        case RealGrid() as domain:
            return _real_steps(decision, domain)
        case GeometricRange():
            return tune.choice(list_values(decision))
        case other:
            assert_never(other)


def _stepped(values: Sequence[int], domain: IntegerRange) -> Any:
    if domain.log or values[0] % domain.step:
        return tune.choice(list(values))
    return tune.qrandint(values[0], values[-1], domain.step)


def _real_steps(decision: Decision, domain: RealGrid) -> Any:
    low, high = domain.low, domain.values()[-1]
    if not all(math.isclose(end / domain.step, round(end / domain.step)) for end in (low, high)):
        return tune.choice(list_values(decision))  # Ray counts steps from 0
    quantized = tune.qloguniform if domain.log else tune.quniform
    return quantized(low, high, domain.step)


def from_native(native: Native) -> Space:
    """Return a space for a search space of Ray; nested dicts become dotted names.

    Fixed values are left out.

    Args:
        native: The `param_space` of a `tune.Tuner`.

    Raises:
        BackendError: An open value has no counterpart; the message names it and a replacement.

    Example:
        >>> from ray import tune
        >>> from nasbridge.adapters.ray_tune import from_native
        >>> from_native({"units": tune.choice([16, 32]), "epochs": 5}).count()
        2
    """
    nodes = _named(_nodes(native, ""))
    if not nodes:
        raise BackendError(
            "the search space has no open value: give a param_space with values such as "
            "tune.choice([16, 32])"
        )
    return Space(nodes)


def _nodes(native: Native, path: str) -> list[tuple[str, Any]]:
    """Return the open values by name, in an order that does not depend on that of the keys."""
    found: list[tuple[str, Any]] = []
    for key, value in sorted(native.items(), key=lambda item: str(item[0])):
        name = f"{path}{key}"
        parts = parts_of(value)
        if parts is not None:
            found += _nodes(parts, f"{name}.")
        elif is_open(value):
            found.append((name, _node(name, value)))
    return found


def _named(nodes: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return open values by their names, which must differ."""
    names = [name for name, _ in nodes]
    for name in names:
        if names.count(name) > 1:
            raise BackendError(
                f"two open values have the name {name!r}, with nested keys joined by dots: rename "
                "one of the keys"
            )
    return dict(nodes)


@naming_parameter
def _node(name: str, value: Any) -> Choice | Integer | Real:
    match value:
        case {"grid_search": options}:
            return _choice(name, list(options))
        case sample.Categorical():
            return _choice(name, value.categories)
        case sample.Integer():
            return _integer(name, value)
        case sample.Float():
            return _real(name, value)
        case sample.Function():
            raise BackendError(
                f"{name!r} is a tune.sample_from, a function that no strategy can search: use "
                "tune.choice or another domain; an option of tune.choice may be a dict with open "
                "values, which expresses a condition"
            )
        case _:
            raise BackendError(f"{name!r} is {value!r}, which Ray cannot draw from")


def _choice(name: str, options: Sequence[Any]) -> Choice:
    if not any(is_open(option) for option in options):
        return choice_of(name, options)
    trees: dict[str, Any] = {}
    for number, option in enumerate(options):
        parts = parts_of(option)
        if is_open(option) and parts is None:
            raise BackendError(f"an option of {name!r} is {option!r}: put open values in a dict")
        trees[str(number)] = _named(_nodes(parts or {}, "")) or str(number)
    return Choice(trees)


def _kind(name: str, domain: sample.Domain) -> tuple[bool, float | None]:
    """Return whether a domain is logarithmic, and its step."""
    sampler, step = domain.get_sampler(), None
    if isinstance(sampler, sample.Quantized):
        sampler, step = sampler.get_sampler(), sampler.q
    if not isinstance(sampler, sample.Uniform | sample.LogUniform):
        raise BackendError(
            f"{name!r} is drawn by {sampler}, which has no bounds: use tune.uniform, "
            "tune.loguniform, tune.randint, tune.choice or their quantised forms"
        )
    return isinstance(sampler, sample.LogUniform), step


def _integer(name: str, domain: sample.Integer) -> Integer:
    log, step = _kind(name, domain)
    bounds = domain.lower, domain.upper, 1 if step is None else step
    low, high, step = (whole_number(name, number) for number in bounds)
    if step == 1:
        return Integer(low, high - 1, log=log)
    if step < 1:
        raise BackendError(f"{name!r} is quantised in steps of {step}: give a step of at least 1")
    return Integer(-(-low // step) * step, high // step * step, step, log)


def _real(name: str, domain: sample.Float) -> Real:
    log, step = _kind(name, domain)
    return Real(domain.lower, domain.upper, log, step=step)


def architecture_from(config: Mapping[str, Any], space: SearchSpace) -> Architecture:
    """Return the architecture in the config of a trial.

    Args:
        config: The trainable's config, from `NASSearcher(space, ...)` or from any searcher of Ray
            on `to_native(space)`; other constants are ignored. Names may be dotted or nested.
        space: The space.

    Raises:
        InvalidArchitecture: The config is of another space.

    Example:
        >>> from nasbridge import Choice, Space
        >>> from nasbridge.adapters.ray_tune import architecture_from
        >>> space = Space({"units": Choice([16, 32])})
        >>> architecture_from({"arch": {"units": 16}, "epochs": 5}, space)["units"]
        16
    """
    nested = config.get(ARCHITECTURE)
    if isinstance(nested, Mapping) and not any(d.name == ARCHITECTURE for d in space.decisions):
        return space.architecture(dict(cast(Mapping[str, Any], nested)))
    return read_architecture({**_dotted(config, ""), **config}, space)


def _dotted(config: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the values of nested dicts under the names that `from_native` gives them."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{path}{key}"
        found |= _dotted(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found


def plain_value(architecture: Architecture, name: str) -> Any:
    """Return a plain value as it is, and any other by its label."""
    value = architecture[name]
    plain = isinstance(value, bool | int | float | str)
    return value if plain else architecture.choices[name]
