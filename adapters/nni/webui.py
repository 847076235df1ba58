"""What NNI stores and its web UI shows of an architecture, and what the UI is told beforehand.

Strategies of ours search our spaces, whatever is declared to NNI. So what the UI is told may be
chosen for the eye: at most six numbers as axes, and one nested value with the whole architecture.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from ...spaces import Architecture, Categorical, Decision, DecisionSpace, IntegerRange, Label
from ...spaces.nodes.constraints import Limit
from .space import NAME, parameter_of, typed

__all__ = ["AXES", "OURS", "key_of", "parameters_of", "place_of", "shown_space"]

ARCHITECTURE = "arch"
COUNT = "n_"  # how often a label was chosen; NNI reads "#" as the begin of a comment
OURS = "architecture"  # the label of that nested value
AXES = 6  # more make the parallel plot unreadable


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
        return _Axis(typed("choice", decision.options), (decision,))
    return _Axis(parameter_of(decision), (decision,))


def _axes(space: DecisionSpace) -> dict[str, _Axis]:
    """Choose the axes: of plain values the first; else depths, operations, and other numbers."""
    room = AXES - len(_costs(space))
    open_ = [decision for decision in space.decisions if () in decision.conditions]
    if space.is_flat and len(open_) == len(space.decisions):
        return {key_of(d.name): _itself(d) for d in open_[:room]}
    depths = [d for d in open_ if isinstance(d.domain, IntegerRange)][: room // 2]
    axes = {key_of(decision.name): _itself(decision) for decision in depths}
    where: dict[str, list[Decision]] = {}
    for decision in filter(_is_operation, space.decisions):
        for label in cast(Categorical, decision.domain).labels:
            where.setdefault(label, []).append(decision)
    many = sorted((len(among), label) for label, among in where.items() if len(among) > 1)
    counted: set[str] = set()
    for count, label in sorted(many[-(room - len(axes)) :], key=lambda pair: pair[1]):
        axes[f"{COUNT}{label}"] = _Axis(typed("randint", [0, count + 1]), where[label], label)
        counted |= {decision.name for decision in where[label]}
    others = [d for d in open_ if d not in depths and d.name not in counted and d.domain.size > 1]
    for decision in sorted(others, key=lambda d: not _is_number(d))[: room - len(axes)]:
        axes[key_of(decision.name)] = _itself(decision)
    return axes or {"decisions": _Axis(typed("randint", [0, len(space.decisions) + 1]), ())}


def _costs(space: DecisionSpace) -> dict[str, tuple[Limit, int]]:
    """Return the costs that the space is limited in, which makes them known; up to which value."""
    limits = [one for one in getattr(space, "constraints", ()) if isinstance(one, Limit)]
    taken = {decision.name for decision in space.decisions}
    return {
        name: (limit, most)
        for limit in limits
        for name, most in (("parameters", limit.parameters), ("flops", limit.flops))
        if most is not None and name not in taken
    }


def shown_space(space: DecisionSpace) -> dict[str, dict[str, Any]]:
    """Return what the web UI is told: a few axes, and every decision nested below `arch`.

    Where a decision has that name, it is `arch~`. A value with a key that is not declared would
    leave the UI's page blank.

    Args:
        space: Any space.
    """
    declared = {key_of(decision.name): parameter_of(decision) for decision in space.decisions}
    nested = typed("choice", [{NAME: OURS, **declared}])
    axes = {name: axis.declared for name, axis in _axes(space).items()}
    costs = {name: typed("uniform", [0, most]) for name, (_, most) in _costs(space).items()}
    return {**axes, **costs, place_of(space): nested}


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
    nested = {key_of(name): label for name, label in choices.items()}
    return shown | {place_of(architecture.space): {NAME: OURS, **nested}}


def place_of(space: DecisionSpace) -> str:
    """Return the key of the whole architecture: none that the space has as a decision."""
    taken, key = {decision.name for decision in space.decisions}, ARCHITECTURE
    while key in taken:
        key += "~"
    return key


def key_of(name: str) -> str:
    """Return the key of a decision; NNI keeps keys with a first underscore for itself."""
    return name if not name.startswith("_") else f"~{name}"
