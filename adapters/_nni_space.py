"""NNI's search-space JSON and our spaces, there and back; and spaces as the web UI can show them.

Strategies of ours search our spaces, whatever is declared to NNI. So what the UI is told may be
chosen for the eye: at most six numbers as axes, and one nested value with the whole architecture.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy

from ..spaces import (
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
    Searchable,
    Space,
)
from ..spaces._constraints import Limit
from ._errors import BackendError

__all__ = ["architecture_from", "from_native", "parameters_of", "shown_space", "to_native"]

NAME = "_name"  # NNI's key for the label of a nested option
ARCHITECTURE = "arch"
COUNT = "n_"  # how often a label was chosen; NNI reads "#" as the begin of a comment
OURS = "architecture"  # the label of that nested value
NEAR = 1e-9  # relative; what differs by less is the same number, computed otherwise
AXES = 6  # more make the parallel plot unreadable

Native = Mapping[str, Mapping[str, Any]]


def to_native(space: Searchable) -> dict[str, dict[str, Any]]:
    """Return a space as NNI's search-space JSON, flat, inactive decisions included.

    NNI's own TPE, Random, Evolution and GridSearch tuners take it; what they propose becomes an
    architecture by leaving out what is not active.

    Args:
        space: Any space.
    """
    return {decision.name: _parameter(decision) for decision in space.decisions}


def _parameter(decision: Decision) -> dict[str, Any]:
    match decision.domain:
        case Categorical(labels):
            return _typed("choice", list(labels))
        case IntegerRange(low=low, high=high, step=1, log=True):
            return _typed("qloguniform", [low, high, 1])
        case IntegerRange(low=low, high=high, step=1):
            return _typed("randint", [low, high + 1])
        case IntegerRange() as domain:
            return _typed("choice", list(domain.values()))
        case RealRange(low, high, log):
            return _typed("loguniform" if log else "uniform", [low, high])
        case other:
            raise BackendError(f"the decision {decision.name!r} has the unknown domain {other!r}")


def _typed(kind: str, value: Sequence[Any]) -> dict[str, Any]:
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
    if not native:
        raise BackendError("the search space is empty: give NNI's searchSpace, as a dict")
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
    """Return what NNI draws in steps: multiples of the step, and the bounds."""
    if all(float(number).is_integer() for number in (low, high, step)) and low % step == 0:
        return Integer(int(low), int(high), int(step), log)
    first, last = math.ceil(low / step), math.floor(high / step)
    # as people write them; _near finds what NNI draws
    multiples = {float(f"{k * step:.12g}") for k in range(first, last + 1)}
    return Choice(sorted(multiples | {float(low), float(high)}))


# ---------------------------------------------------------------------- what the web UI shows


class _Axis(NamedTuple):
    """One axis of the parallel plot.

    Attributes:
        declared: How NNI is told of it.
        decisions: What it is about; none stands for how many decisions are open.
        label: What is counted among the decisions; None shows the value of the only one.
    """

    declared: dict[str, Any]
    decisions: Sequence[Decision]
    label: str | None = None

    def value(self, choices: Mapping[str, Label]) -> Label:
        if self.label is not None:
            return sum(choices.get(one.name) == self.label for one in self.decisions)
        if not self.decisions:
            return len(choices)
        (decision,) = self.decisions
        label = choices[decision.name]
        return cast(Label, decision.meaning(label)) if _is_number(decision) else label


def _is_number(decision: Decision) -> bool:
    """Tell whether a decision is about a number; truth values are not."""
    return all(
        isinstance(option, int | float) and not isinstance(option, bool)
        for option in decision.options
    )


def _is_operation(decision: Decision) -> bool:
    """Tell whether options are known by names, as operations and sub-trees are, and no values."""
    return isinstance(decision.domain, Categorical) and all(
        isinstance(option, str) for option in decision.options
    )


def _itself(decision: Decision) -> _Axis:
    if isinstance(decision.domain, Categorical) and _is_number(decision):
        return _Axis(_typed("choice", decision.options), (decision,))
    return _Axis(_parameter(decision), (decision,))


def _axes(space: Searchable) -> dict[str, _Axis]:
    """Choose the axes: of plain values the first; else depths, operations, and other numbers."""
    room = AXES - len(_costs(space))
    open_ = [decision for decision in space.decisions if () in decision.conditions]
    if space.is_flat and len(open_) == len(space.decisions):
        return {_key(d.name): _itself(d) for d in open_[:room]}
    depths = [d for d in open_ if isinstance(d.domain, IntegerRange)][: room // 2]
    axes = {_key(decision.name): _itself(decision) for decision in depths}
    where: dict[str, list[Decision]] = {}
    for decision in filter(_is_operation, space.decisions):
        for label in cast(Categorical, decision.domain).labels:
            where.setdefault(label, []).append(decision)
    many = sorted((len(among), label) for label, among in where.items() if len(among) > 1)
    counted: set[str] = set()
    for count, label in sorted(many[-(room - len(axes)) :], key=lambda pair: pair[1]):
        axes[f"{COUNT}{label}"] = _Axis(_typed("randint", [0, count + 1]), where[label], label)
        counted |= {decision.name for decision in where[label]}
    others = [d for d in open_ if d not in depths and d.name not in counted and d.domain.size > 1]
    for decision in sorted(others, key=lambda d: not _is_number(d))[: room - len(axes)]:
        axes[_key(decision.name)] = _itself(decision)
    return axes or {"decisions": _Axis(_typed("randint", [0, len(space.decisions) + 1]), ())}


def _costs(space: Searchable) -> dict[str, tuple[Limit, int]]:
    """Return the costs that the space is limited in, which makes them known; up to which value."""
    limits = [one for one in getattr(space, "constraints", ()) if isinstance(one, Limit)]
    taken = {decision.name for decision in space.decisions}
    return {
        name: (limit, most)
        for limit in limits
        for name, most in (("parameters", limit.parameters), ("flops", limit.flops))
        if most is not None and name not in taken
    }


def shown_space(space: Searchable) -> dict[str, dict[str, Any]]:
    """Return what the web UI is told: a few axes, and every decision nested below `arch`.

    Where a decision has that name, it is `arch~`. A value with a key that is not declared would
    leave the UI's page blank.

    Args:
        space: Any space.
    """
    declared = {_key(decision.name): _parameter(decision) for decision in space.decisions}
    nested = _typed("choice", [{NAME: OURS, **declared}])
    axes = {name: axis.declared for name, axis in _axes(space).items()}
    costs = {name: _typed("uniform", [0, most]) for name, (_, most) in _costs(space).items()}
    return {**axes, **costs, _place(space): nested}


def parameters_of(architecture: Architecture) -> dict[str, Any]:
    """Return what NNI stores and shows of an architecture; `architecture_from` reads it again.

    Args:
        architecture: The architecture.
    """
    choices = architecture.choices
    shown: dict[str, Any] = {
        name: axis.value(choices) for name, axis in _axes(architecture.space).items()
    }
    for name, (limit, _) in _costs(architecture.space).items():
        shown[name] = getattr(architecture.cost(limit.input_shape, limit.part), name)
    nested = {_key(name): label for name, label in choices.items()}
    return shown | {_place(architecture.space): {NAME: OURS, **nested}}


def _place(space: Searchable) -> str:
    """Return the key of the whole architecture: none that the space has as a decision."""
    taken, key = {decision.name for decision in space.decisions}, ARCHITECTURE
    while key in taken:
        key += "~"
    return key


def _key(name: str) -> str:
    """Return the key of a decision; NNI keeps keys with a first underscore for itself."""
    return name if not name.startswith("_") else f"~{name}"


def architecture_from(parameters: Mapping[str, Any], space: Searchable) -> Architecture:
    """Return the architecture that NNI's parameters stand for.

    Args:
        parameters: What `nni.get_next_parameter()` has returned: ours, or those of NNI's own
            tuners on `to_native(space)` or on a team's own search space.
        space: The space.

    Raises:
        InvalidArchitecture: They are of another space.
    """
    nested: object = parameters.get(_place(space))
    known = dict(cast(Mapping[str, Any], nested)) if isinstance(nested, Mapping) else {}
    if known.pop(NAME, None) == OURS:
        known = {name.removeprefix("~"): value for name, value in known.items()}
        return space.architecture(known)
    known = dict(_flattened(parameters))
    choices: dict[str, Label] = {}
    for decision in space.decisions:
        if decision.name in known and decision.is_active(choices):
            value = decision.label_of(_near(known[decision.name], decision))
            choices[decision.name] = cast(Label, value)
    return space.architecture(choices)


def _near(value: object, decision: Decision) -> object:
    """Return what a number of NNI's stands for: it draws `round(x / q) * q`, as 3 * 0.1.

    So it gives 0.30000000000000004, and a logarithmic range may end a rounding below its low.
    """
    if isinstance(value, numpy.generic):
        value = cast(object, value.item())
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    match decision.domain:
        case IntegerRange():
            return round(value) if _is_near(value, round(value)) else value
        case RealRange(low=low, high=high):
            inside = min(max(value, low), high)
            return inside if _is_near(value, inside) else value
        case _:
            numbers = [
                option
                for option in decision.options
                if isinstance(option, int | float) and not isinstance(option, bool)
            ]
            # of 1 and 1.0 the one of its own type; NNI's manager writes 1 for both
            nearest = min(
                numbers, key=lambda o: (abs(o - value), type(o) is not type(value)), default=value
            )
            return nearest if _is_near(value, nearest) else value


def _is_near(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=NEAR, abs_tol=NEAR * NEAR)


def _flattened(parameters: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """Return nested parameters by the names that `from_native` gives them."""
    found: list[tuple[str, Any]] = []
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            inner = dict(cast(Mapping[str, Any], value))
            if NAME not in inner:
                raise InvalidArchitecture(
                    f"the parameter {path}{name} is {value!r}, without {NAME!r}: give what NNI's "
                    "tuners or NASTuner have proposed"
                )
            label = inner.pop(NAME)
            found += [(f"{path}{name}", label)]
            found += _flattened(inner, f"{path}{name}.{label}.")
        else:
            found.append((f"{path}{name}", value))
    return found
