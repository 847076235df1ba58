"""NNI search spaces to and from our spaces, and NNI parameters as architectures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from ...engine.errors import BackendError
from ...engine.native_options import choice_of, distinct, naming_parameter
from ...engine.native_values import list_values, read_architecture
from ...spaces import (
    Architecture,
    Categorical,
    Choice,
    Decision,
    DecisionSpace,
    GeometricRange,
    Integer,
    IntegerRange,
    Real,
    RealGrid,
    RealRange,
    SearchSpace,
    Space,
)
from .nested import NAME, branches_of, flattened, is_declared

__all__ = [
    "OURS",
    "architecture_from",
    "architecture_key",
    "decision_key",
    "from_native",
    "parameter_of",
    "to_native",
    "typed",
]

OURS = "architecture"  # label of the nested value that holds a whole architecture
ARCHITECTURE = "arch"  # key of that value

Native = Mapping[str, Mapping[str, Any]]

NUMBERS: Mapping[str, tuple[str, ...]] = {
    "randint": ("low", "high"),
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "quniform": ("low", "high", "step"),
    "qloguniform": ("low", "high", "step"),
}
"""NNI's types of numbers that have bounds, with what `_value` holds."""


def to_native(space: SearchSpace, *, nested: bool = False) -> dict[str, dict[str, Any]]:
    """Return a space as NNI search-space JSON.

    NNI's TPE, Random, Evolution and GridSearch tuners accept both forms. `architecture_from`
    drops the inactive parameters that they propose.

    Args:
        space: Any space.
        nested: Put a decision that exactly one option activates below that option, so that TPE
            does not learn from unused values. The nesting is one level deep, because NNI's tuners
            fail at two: a decision activated by an option of an option is placed below the outer
            option. If False, all decisions are at the top level.

    Returns:
        A dict from parameter names to `{"_type": ..., "_value": ...}`.

    Example:
        >>> from nasbridge import Choice, Space
        >>> from nasbridge.adapters.nni import to_native
        >>> space = Space({"op": Choice({"conv": {"kernel": Choice([1, 3])}, "skip": "skip"})})
        >>> list(to_native(space))
        ['op', 'op.conv.kernel']
        >>> to_native(space, nested=True)["op"]["_value"][1]
        {'_name': 'skip'}
    """
    if not nested:
        return {decision.name: parameter_of(decision) for decision in space.decisions}
    outer: dict[str, Decision] = {}
    below: dict[str, dict[str, dict[str, Any]]] = {}  # decision -> label -> inner parameters
    for decision in space.decisions:
        opener = _opener(decision, outer)
        if opener is None:
            outer[decision.name] = decision
            continue
        name, label = opener
        key = decision.name.removeprefix(f"{name}.{label}.")
        below.setdefault(name, {}).setdefault(label, {})[key] = parameter_of(decision)
    return {
        name: _with_branches(decision, below[name]) if name in below else parameter_of(decision)
        for name, decision in outer.items()
    }


def _opener(decision: Decision, outer: Mapping[str, Decision]) -> tuple[str, str] | None:
    """Return the outer decision and the option of it that every condition requires.

    The decision's name must start with both, because a value is assigned by its name alone.
    """
    for clause in decision.conditions[0]:
        known, label = outer.get(clause.decision), clause.values[0]
        if (
            known is not None
            and isinstance(known.domain, Categorical)
            and len(clause.values) == 1
            and decision.name.startswith(f"{known.name}.{label}.")
            and all(clause in condition for condition in decision.conditions)
        ):
            return known.name, str(label)
    return None


def _with_branches(decision: Decision, below: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    labels = cast(Categorical, decision.domain).labels
    return typed("choice", [{NAME: label, **below.get(label, {})} for label in labels])


def parameter_of(decision: Decision) -> dict[str, Any]:
    """Return one decision as an NNI parameter."""
    match decision.domain:
        case Categorical(labels):
            return typed("choice", list(labels))
        case IntegerRange(low=low, high=high, step=1, log=True):
            return typed("qloguniform", [low, high, 1])
        case IntegerRange(low=low, high=high, step=1):
            return typed("randint", [low, high + 1])
        case IntegerRange() as domain:
            return typed("choice", list(domain.values()))
        case RealRange(low, high, log):
            return typed("loguniform" if log else "uniform", [low, high])
        case RealGrid(low=low, step=step, log=log) as domain:
            high = domain.values()[-1]
            if not _has_multiples(domain):
                return typed("choice", list_values(decision))
            return typed("qloguniform" if log else "quniform", [low, high, step])
        case GeometricRange():
            return typed("choice", list_values(decision))
        case other:
            raise BackendError(f"decision {decision.name!r} has the unknown domain {other!r}")


def _has_multiples(domain: RealGrid) -> bool:
    """Return whether the values are those of NNI: the bounds and the multiples between them."""
    ours, theirs = domain.values(), replace(domain, origin=0.0).values()
    places = {0, min(1, len(ours) - 1), len(ours) - 1}
    return len(ours) == len(theirs) and all(ours[k] == theirs[k] for k in places)


def typed(kind: str, value: Sequence[Any]) -> dict[str, Any]:
    """Return a parameter declaration in NNI's form."""
    return {"_type": kind, "_value": list(value)}


def from_native(native: Native) -> Space:
    """Return NNI search-space JSON, flat or nested, as a space.

    Args:
        native: The `searchSpace` of an NNI experiment.

    Returns:
        A space with one decision per parameter; nested ones are named `outer.option.inner`.

    Raises:
        BackendError: A parameter has no counterpart. The message names it and the supported types.

    Example:
        >>> from nasbridge.adapters.nni import from_native
        >>> from_native({"units": {"_type": "choice", "_value": [16, 32]}}).count()
        2
    """
    if not native or not isinstance(native, Mapping):
        raise BackendError("the search space is empty: give NNI's searchSpace as a dict")
    return Space({name: _node(name, parameter) for name, parameter in native.items()})


@naming_parameter
def _node(name: str, parameter: object) -> Any:
    try:
        given = cast(Mapping[str, Any], parameter)
        kind, declared = given["_type"], given["_value"]
    except (KeyError, TypeError) as error:
        raise BackendError(
            f"the parameter {name!r} is {parameter!r}: NNI expects {{'_type': ..., '_value': ...}}"
        ) from error
    if not isinstance(declared, list | tuple):
        raise BackendError(f"the parameter {name!r} has the '_value' {declared!r}: give a list")
    values = list(cast(Sequence[object], declared))
    if kind == "choice":
        return _choice(name, values)
    if kind not in NUMBERS:
        raise BackendError(
            f"the parameter {name!r} has the type {kind!r}, which has no counterpart here: use "
            f"choice, {', '.join(NUMBERS)}"
        )
    if len(values) != len(NUMBERS[kind]):
        raise BackendError(
            f"the parameter {name!r} has the '_value' {values!r}: {kind} takes "
            f"[{', '.join(NUMBERS[kind])}]"
        )
    low, high, *rest = (_number(name, value) for value in values)
    if kind == "randint":
        return _integer(name, low, high)
    return _steps(low, high, rest[0], "log" in kind) if rest else Real(low, high, "log" in kind)


def _number(name: str, value: object) -> float:
    """Return a bound or a step; NNI accepts text, because YAML reads 1e-4 as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return float(cast(float, value))
    except (TypeError, ValueError) as error:
        raise BackendError(
            f"the parameter {name!r} has a '_value' with {value!r}: give numbers"
        ) from error


def _integer(name: str, low: float, high: float) -> Integer:
    """Return the values of randint: NNI rounds both bounds up, and excludes the upper one."""
    if not (math.isfinite(low) and math.isfinite(high) and math.ceil(low) < math.ceil(high)):
        raise BackendError(
            f"the parameter {name!r} has no value: randint [{low}, {high}] draws integers from "
            f"{low} up to, but without, {high}; give a larger upper bound"
        )
    return Integer(math.ceil(low), math.ceil(high) - 1)


def _choice(name: str, options: Sequence[Any]) -> Choice:
    branches = branches_of(name, distinct(name, options))
    if branches is None:
        return choice_of(name, options)
    trees: dict[str, Any] = {}
    for label, branch in branches.items():
        inner = {
            key: _node(f"{name}.{label}.{key}", value)
            for key, value in branch.items()
            if is_declared(value)
        }
        trees[label] = inner or label
    return Choice(trees)


def _steps(low: float, high: float, step: float, log: bool) -> Integer | Real:
    """Return the values that NNI draws in steps: multiples of the step, and both bounds."""
    whole = all(float(number).is_integer() for number in (low, high, step))
    if whole and step > 0 and low % step == 0 and high % step <= step / 2:  # else NNI reaches high
        return Integer(int(low), int(high), int(step), log)
    from_low = _has_multiples(RealGrid(low, high, step, log))
    return Real(low, high, log, step=step, origin=None if from_low else 0.0)


def architecture_from(parameters: Mapping[str, Any], space: SearchSpace) -> Architecture:
    """Return NNI parameters as an architecture.

    Args:
        parameters: The result of `nni.get_next_parameter()`: proposed by `NASTuner` or by a managed
            run, or by NNI's own tuners on `to_native(space)` or on your own NNI search space.
        space: The space.

    Returns:
        The architecture; parameters of inactive decisions are ignored.

    Raises:
        InvalidArchitecture: The parameters do not belong to the space.

    Example:
        >>> from nasbridge import Choice, Space
        >>> from nasbridge.adapters.nni import architecture_from
        >>> architecture_from({"units": 32}, Space({"units": Choice([16, 32])}))["units"]
        32
    """
    nested: object = parameters.get(architecture_key(space))
    known = dict(cast(Mapping[str, Any], nested)) if isinstance(nested, Mapping) else {}
    if known.pop(NAME, None) == OURS:
        known = {name.removeprefix("~"): value for name, value in known.items()}
        return space.architecture(known)
    return read_architecture(flattened(parameters, space), space)


def architecture_key(space: DecisionSpace) -> str:
    """Return the parameter that holds the whole architecture: `arch`, or `arch~` if taken."""
    taken, key = {decision.name for decision in space.decisions}, ARCHITECTURE
    while key in taken:
        key += "~"
    return key


def decision_key(name: str) -> str:
    """Return the key of a decision; NNI reserves keys that start with an underscore."""
    return name if not name.startswith("_") else f"~{name}"
