"""NNI's search-space JSON and our spaces, there and back."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ...engine.errors import BackendError
from ...spaces import (
    Categorical,
    Choice,
    Decision,
    Integer,
    IntegerRange,
    Real,
    RealRange,
    SearchSpace,
    Space,
)

__all__ = ["NAME", "STEPPED", "from_native", "parameter_of", "to_native", "typed"]

NAME = "_name"  # NNI's key for the label of a nested option
STEPPED = ("quniform", "qloguniform")  # of which NNI draws floats, also where they are whole

Native = Mapping[str, Mapping[str, Any]]


def to_native(space: SearchSpace, *, nested: bool = False) -> dict[str, dict[str, Any]]:
    """Return a space as NNI's search-space JSON.

    NNI's own TPE, Random, Evolution and GridSearch tuners take both forms; what they propose
    becomes an architecture by leaving out what is not active.

    Args:
        space: Any space.
        nested: Put a decision that one option alone opens below that option, so that TPE learns
            nothing from values that were not used. One level deep, for NNI's tuners fail at two:
            what an option of an option opens is below the outer one. Otherwise all decisions
            stand beside each other.

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
    below: dict[str, dict[str, dict[str, Any]]] = {}  # decision, its label and what that opens
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
    """Return the outer decision, and its option, without which another one is never open.

    The names must say it, too, for from them alone it is known again where a value belongs.
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
    """Return one decision as NNI's parameter."""
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
        case other:
            raise BackendError(f"the decision {decision.name!r} has the unknown domain {other!r}")


def typed(kind: str, value: Sequence[Any]) -> dict[str, Any]:
    """Return a parameter in NNI's own form."""
    return {"_type": kind, "_value": list(value)}


def from_native(native: Native) -> Space:
    """Make a space of NNI's search-space JSON, flat or nested.

    Args:
        native: What an NNI experiment has as its search space.

    Raises:
        BackendError: A parameter has no counterpart; says which, and what to take instead.

    Example:
        >>> from nasbridge.adapters.nni import from_native
        >>> from_native({"units": {"_type": "choice", "_value": [16, 32]}}).count()
        2
    """
    if not native or not isinstance(native, Mapping):
        raise BackendError("the search space is empty, or none: give NNI's searchSpace, as a dict")
    return Space({name: _node(name, parameter) for name, parameter in native.items()})


def _node(name: str, parameter: object) -> Any:
    try:
        given = cast(Mapping[str, Any], parameter)
        kind, value = given["_type"], list(given["_value"])
    except (KeyError, TypeError) as error:
        raise BackendError(
            f"the parameter {name!r} is {parameter!r}: NNI has {{'_type': ..., '_value': ...}}"
        ) from error
    match kind, value:
        case "choice", _:
            return _choice(name, value)
        case "randint", [low, high]:
            return Integer(low, high - 1)
        case "uniform" | "loguniform", [low, high]:
            return Real(low, high, kind == "loguniform")
        case "quniform" | "qloguniform", [low, high, step]:
            return _steps(low, high, step, kind == "qloguniform")
        case _:
            raise BackendError(
                f"the parameter {name!r} is of the type {kind!r}, which has no counterpart here: "
                "take choice, randint, uniform, loguniform, quniform or qloguniform"
            )


def _choice(name: str, options: Sequence[Any]) -> Choice:
    nested = [isinstance(option, Mapping) for option in options]
    if not any(nested):
        return Choice(list(options))
    if not all(nested) or any(NAME not in option for option in options):
        raise BackendError(
            f"the options of {name!r} must be either plain values or dicts with {NAME!r}, all of "
            "them, as NNI itself wants it"
        )
    trees: dict[str, Any] = {}
    for option in options:
        inner = {key: _node(key, value) for key, value in option.items() if key != NAME}
        trees[str(option[NAME])] = inner or str(option[NAME])
    return Choice(trees)


def _steps(low: float, high: float, step: float, log: bool) -> Integer | Choice:
    """Return what NNI draws in steps: multiples of the step, and the bounds.

    A choice knows no order and no logarithm; a range in whole steps does.
    """
    whole = all(float(number).is_integer() for number in (low, high, step))
    if whole and low % step == 0 and high % step <= step / 2:  # above, NNI rounds up to the high
        return Integer(int(low), int(high), int(step), log)
    first, last = math.ceil(low / step), math.floor(high / step)
    # as people write them; _near finds what NNI draws
    multiples = {float(f"{k * step:.12g}") for k in range(first, last + 1)}
    return Choice(sorted(multiples | {float(low), float(high)}))
