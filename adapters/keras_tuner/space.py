# pyright: basic
# Keras Tuner ships no types.
"""Hyperparameters of Keras Tuner and our spaces: from one to the other."""

import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any, cast

from keras_tuner import HyperParameters
from keras_tuner.engine import hyperparameters as kinds

from ...engine.errors import BackendError
from ...engine.native_options import choice_of, naming_parameter
from ...engine.native_values import list_values, read_architecture
from ...spaces import (
    Architecture,
    Categorical,
    Choice,
    Clause,
    Decision,
    GeometricRange,
    Integer,
    IntegerRange,
    Label,
    Real,
    RealGrid,
    RealRange,
    SearchSpace,
    Space,
    When,
)
from ...spaces.hashing import digest

__all__ = [
    "architecture_in",
    "draw_others",
    "from_native",
    "native_values",
    "remove_inactive",
    "suggest",
    "to_native",
]

ROUNDING = 1e-6  # relative; gRPC carries 32-bit floats


def to_native(space: SearchSpace) -> HyperParameters:
    """Return a space as hyperparameters, conditions included.

    Keras Tuner has no alternatives of conditions. A decision with alternatives is declared with
    the clauses that they share, so it may be active in Keras Tuner but not in the space.

    Args:
        space: Any space.
    """
    native = HyperParameters()
    for decision in space.decisions:
        _declare(native, decision)
    return native


def suggest(hp: HyperParameters, space: SearchSpace) -> Architecture:
    """Suggest an architecture in a `build_model(hp)`.

    Works with every tuner of Keras Tuner; with `NASOracle(space=space)`, the strategy proposes it.

    Args:
        hp: The hyperparameters that Keras Tuner passes to the function.
        space: The space.

    Returns:
        The architecture.

    Raises:
        InvalidArchitecture: A value is outside its decision's domain.

    Example:
        >>> import keras_tuner
        >>> from nasbridge import Choice, Integer, Space
        >>> from nasbridge.adapters.keras_tuner import suggest
        >>> space = Space({"units": Choice([16, 32]), "layers": Integer(1, 4)})
        >>> suggest(keras_tuner.HyperParameters(), space)["units"]
        16
    """
    values: dict[str, Any] = {}
    for decision in space.decisions:
        value = _declare(hp, decision)
        if value is not None:  # it is active in Keras Tuner
            values[decision.name] = value
    return architecture_in(space, values)


def _declare(hp: HyperParameters, decision: Decision) -> Any:
    """Declare a decision, and return its value; None if it is inactive."""
    name = decision.name
    with ExitStack() as stack:
        for clause in _clauses(decision):
            stack.enter_context(hp.conditional_scope(clause.decision, list(clause.values)))
        match decision.domain:
            case Categorical(labels):
                return hp.Choice(name, list(labels))
            case IntegerRange(low) as domain if domain.log and domain.step == 1:
                return hp.Int(name, low, domain.values()[-1], sampling="log")
            case IntegerRange(low) as domain:
                return hp.Int(name, low, domain.values()[-1], step=domain.step)
            case RealRange(low, high, log):
                return hp.Float(name, low, high, sampling="log" if log else "linear")
            case RealGrid(origin=None) as domain:
                return hp.Float(name, domain.low, _upper_bound(domain), step=domain.step)
            case RealGrid():
                return hp.Choice(name, list_values(decision))
            case GeometricRange(low, high, factor, whole):
                make = hp.Int if whole else hp.Float
                return make(name, low, high, step=factor, sampling="log")
            case other:
                raise BackendError(f"the decision {name!r} has the unknown domain {other!r}")


def _upper_bound(domain: RealGrid) -> float:
    """Return a bound up to which Keras Tuner, which divides without rounding, finds all steps."""
    high = domain.values()[-1]
    lost = (high - domain.low) // domain.step + 1 < domain.size
    return high + domain.step * 1e-6 if lost else high


def _clauses(decision: Decision) -> tuple[Clause, ...]:
    """Return the clauses that must all hold in Keras Tuner for a decision to be active."""
    first, *others = decision.conditions
    asked = [clause.decision for clause in first]
    if all([clause.decision for clause in other] == asked for other in others):
        places = [
            {condition[k].values for condition in decision.conditions} for k in range(len(asked))
        ]
        if sum(len(place) > 1 for place in places) == 1:  # only the values of one decision differ
            return tuple(
                Clause(name, tuple(dict.fromkeys(value for values in place for value in values)))
                for name, place in zip(asked, map(sorted, places), strict=True)
            )
    return tuple(clause for clause in first if all(clause in other for other in others))


def native_values(space: SearchSpace, choices: Mapping[str, Label]) -> dict[str, Label]:
    """Return values for all decisions active in Keras Tuner, which draws missing ones unseeded."""
    values: dict[str, Label] = {}
    for decision in space.decisions:
        if decision.name in choices:
            values[decision.name] = choices[decision.name]
        elif all(clause.holds(values) for clause in _clauses(decision)):
            values[decision.name] = decision.domain.values(points=2)[0]
    return values


def draw_others(
    native: HyperParameters, values: dict[str, Any], space: SearchSpace, seed: int
) -> None:
    """Draw hyperparameters outside the space, each from its own stream.

    Args:
        native: All hyperparameters.
        values: The values of the decisions; the others are added.
        space: The space.
        seed: Seed of the trial.
    """
    known = HyperParameters()
    known.values = values
    for hp in native.space:
        if hp.name not in values and known.is_active(hp) and not _is_decision(space, hp.name):
            stream = int(digest([seed, hp.name]), 16)
            values[hp.name] = hp.prob_to_value(random.Random(stream).random())


def remove_inactive(hp: HyperParameters) -> None:
    """Remove inactive values, as `ensure_active_values` does, but draw no new ones.

    If a name is declared in several conditional scopes, Keras Tuner removes its value for each
    scope that is not entered, and then draws another one, or has none.
    """
    for known in hp.space:
        if not hp.is_active(known.name):
            hp.values.pop(known.name, None)
        elif known.name not in hp.values:
            hp.values[known.name] = known.default


def _is_decision(space: SearchSpace, name: str) -> bool:
    return any(decision.name == name for decision in space.decisions)


def architecture_in(space: SearchSpace, values: Mapping[str, Any]) -> Architecture:
    """Return the architecture in the values of hyperparameters, of which others are ignored.

    Raises:
        InvalidArchitecture: A value is missing, or outside its decision's domain.
    """
    return read_architecture(values, space, ROUNDING)


def from_native(native: HyperParameters) -> Space:
    """Return hyperparameters as a space, conditional scopes included.

    Args:
        native: The hyperparameters that a `build_model(hp)` has declared, or that a tuner has.

    Raises:
        BackendError: There are no hyperparameters, or one name has two domains.
    """
    declared: dict[str, list[Any]] = {}
    for hp in native.space:
        declared.setdefault(hp.name, []).append(hp)
    if not declared:
        raise BackendError(
            "there are no hyperparameters to form a space: call build_model(hp) with them "
            "first, or give those of a tuner, as tuner.oracle.get_space()"
        )
    nodes = {name: _node(name, group) for name, group in declared.items()}
    return Space(
        {name: _conditional(nodes[name], group, nodes) for name, group in declared.items()}
    )


@naming_parameter
def _node(name: str, group: list[Any]) -> Choice | Integer | Real:
    first, *others = [
        {k: v for k, v in hp.get_config().items() if k not in ("conditions", "default")}
        for hp in group
    ]
    if any(other != first for other in others):
        raise BackendError(
            f"the hyperparameter {name!r} is declared twice, as {group[0]} and with another "
            "domain: Keras Tuner cannot distinguish them; give them different names"
        )
    _warn_of_sampling(name, first)
    match group[0]:
        case kinds.Choice() as hp:
            return choice_of(name, hp.values)
        case kinds.Boolean():
            return Choice([False, True])
        case kinds.Fixed() as hp:
            return Choice([hp.value])
        case kinds.Int(sampling="linear") as hp:
            return Integer(hp.min_value, hp.max_value, hp.step or 1)
        case kinds.Int(step=None) as hp:
            return Integer(hp.min_value, hp.max_value, log=hp.sampling == "log")
        case kinds.Float(step=None) as hp:
            return Real(hp.min_value, hp.max_value, log=hp.sampling == "log")
        case kinds.Int(sampling="log", step=int()) as hp:
            return Integer(hp.min_value, hp.max_value, factor=hp.step)
        case kinds.Float(sampling="log") as hp:
            return Real(hp.min_value, hp.max_value, factor=hp.step)
        case kinds.Float(sampling="linear") as hp:
            return Real(hp.min_value, hp.max_value, step=hp.step)
        case kinds.Int() as hp:
            return Choice([int(cast(float, value)) for value in hp.values])
        case kinds.Float() as hp:
            return Choice(list(hp.values))
        case other:
            raise BackendError(f"the hyperparameter {name!r} is of the unknown kind {other!r}")


def _warn_of_sampling(name: str, config: Mapping[str, Any]) -> None:
    """Warn of a scale that spaces do not have."""
    if config.get("sampling") != "reverse_log":
        return
    evenly = "evenly between its bounds" if config["step"] is None else "as a choice without order"
    warnings.warn(
        f"the hyperparameter {name!r} is searched {evenly}, because spaces do not support "
        "sampling='reverse_log': declare its distance from the upper bound instead, with "
        "sampling='log'",
        stacklevel=2,
    )


def _conditional(
    node: Choice | Integer | Real, group: list[Any], nodes: Mapping[str, Choice | Integer | Real]
) -> Choice | Integer | Real | When:
    conditions = [
        {parent.name: tuple(_labels(nodes[parent.name], parent.values)) for parent in hp.conditions}
        for hp in group
    ]
    return node if not all(conditions) else When(node, tuple(conditions))


def _labels(node: Choice | Integer | Real, values: Any) -> Iterator[Label]:
    """Return the labels of the values in a condition, without those outside the domain."""
    for value in values:  # Keras Tuner compares by equality: 1, 1.0 and True are the same
        if isinstance(node, Choice):
            yield from (label for label, option in node.options.items() if option == value)
        elif not isinstance(value, str):
            with suppress(ValueError):
                is_whole = isinstance(node, Integer) and value == int(value)
                yield node.domain.check(int(value) if is_whole else float(value))
