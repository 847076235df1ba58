"""What NNI stores of architectures and metrics for its web UI, and what is declared to it.

Our strategies search our spaces, whatever search space is declared to NNI, so the declaration can
be chosen for readability: at most six scalars as axes of the parallel plot, and one nested value
with the whole architecture. A stored key that was not declared leaves the UI's page blank.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from ...spaces import Architecture, Categorical, Decision, DecisionSpace, IntegerRange, Label
from ...spaces.nodes.constraints import Limit
from ...strategies import Objective
from .nested import NAME
from .space import OURS, architecture_key, decision_key, parameter_of, typed

__all__ = ["AXES", "DEFAULT", "parameters_of", "shown_metrics", "shown_space"]

AXES = 6  # more axes make the parallel plot unreadable
COUNT = "n_"  # prefix for the count of a label; NNI reads "#" as the start of a comment
DEFAULT = "default"  # NNI's name for the metric that is optimized


class _Axis(NamedTuple):
    """One axis of the parallel plot.

    Attributes:
        declared: Its declaration to NNI.
        decisions: The decisions that it shows; empty for the number of active decisions.
        label: The label that is counted among them; None shows the value of the only decision.
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
    """Return whether all options of a decision are numbers; booleans are not."""
    return all(
        isinstance(option, int | float) and not isinstance(option, bool)
        for option in decision.options
    )


def _is_operation(decision: Decision) -> bool:
    """Return whether the options are names, as those of operations and sub-trees are."""
    return isinstance(decision.domain, Categorical) and all(
        isinstance(option, str) for option in decision.options
    )


def _value_axis(decision: Decision) -> _Axis:
    if isinstance(decision.domain, Categorical) and _is_number(decision):
        return _Axis(typed("choice", decision.options), (decision,))
    return _Axis(parameter_of(decision), (decision,))


def _axes(space: DecisionSpace) -> dict[str, _Axis]:
    """Return the axes of a space, at most `AXES` together with its costs.

    A flat space shows its first decisions. Others show depths first (at most half of the axes),
    then how often each operation was chosen, then further decisions that are always active,
    numbers first.
    """
    room = AXES - len(_costs(space))
    active = [decision for decision in space.decisions if () in decision.conditions]
    if space.is_flat and len(active) == len(space.decisions):
        return {decision_key(d.name): _value_axis(d) for d in active[:room]}
    depths = [d for d in active if isinstance(d.domain, IntegerRange)][: room // 2]
    axes = {decision_key(decision.name): _value_axis(decision) for decision in depths}
    where: dict[str, list[Decision]] = {}
    for decision in filter(_is_operation, space.decisions):
        for label in cast(Categorical, decision.domain).labels:
            where.setdefault(label, []).append(decision)
    many = sorted((len(among), label) for label, among in where.items() if len(among) > 1)
    counted: set[str] = set()
    for count, label in sorted(many[-(room - len(axes)) :], key=lambda pair: pair[1]):
        axes[f"{COUNT}{label}"] = _Axis(typed("randint", [0, count + 1]), where[label], label)
        counted |= {decision.name for decision in where[label]}
    others = [d for d in active if d not in depths and d.name not in counted and d.domain.size > 1]
    for decision in sorted(others, key=lambda d: not _is_number(d))[: room - len(axes)]:
        axes[decision_key(decision.name)] = _value_axis(decision)
    return axes or {"decisions": _Axis(typed("randint", [0, len(space.decisions) + 1]), ())}


def _costs(space: DecisionSpace) -> dict[str, tuple[Limit, int]]:
    """Return the costs that the space limits, with the limit and its upper bound."""
    limits = [one for one in getattr(space, "constraints", ()) if isinstance(one, Limit)]
    taken = {decision.name for decision in space.decisions}
    return {
        name: (limit, most)
        for limit in limits
        for name, most in (("parameters", limit.parameters), ("flops", limit.flops))
        if most is not None and name not in taken
    }


def shown_space(space: DecisionSpace) -> dict[str, dict[str, Any]]:
    """Return the search space declared to the web UI: the axes, and all decisions below `arch`.

    The key is `arch~` where a decision is called `arch`.
    """
    declared = {decision_key(decision.name): parameter_of(decision) for decision in space.decisions}
    nested = typed("choice", [{NAME: OURS, **declared}])
    axes = {name: axis.declared for name, axis in _axes(space).items()}
    costs = {name: typed("uniform", [0, most]) for name, (_, most) in _costs(space).items()}
    return {**axes, **costs, architecture_key(space): nested}


def parameters_of(architecture: Architecture) -> dict[str, Any]:
    """Return the parameters that NNI stores for an architecture; see `architecture_from`."""
    choices = architecture.choices
    shown: dict[str, Any] = {
        name: axis.value(choices) for name, axis in _axes(architecture.space).items()
    }
    for name, (limit, _) in _costs(architecture.space).items():
        shown[name] = getattr(architecture.cost(limit.input_shape, limit.part), name)
    nested = {decision_key(name): label for name, label in choices.items()}
    return shown | {architecture_key(architecture.space): {NAME: OURS, **nested}}


def shown_metrics(
    metrics: Mapping[str, float], objectives: tuple[Objective, ...], parameters: frozenset[str]
) -> dict[str, float] | None:
    """Return metrics in the form that NNI can show.

    NNI calls the first objective "default" and takes no NaN. A metric with the name of a parameter
    would replace that axis, so it is renamed to "name (metric)".

    Args:
        metrics: The reported metrics.
        objectives: The experiment's objectives.
        parameters: Names of NNI parameters.

    Returns:
        The metrics, or None if the first objective has no finite value.
    """
    first = objectives[0].metric
    known = {name: value for name, value in metrics.items() if math.isfinite(value)}
    if first not in known:
        return None
    others = {name: value for name, value in known.items() if name != first or len(known) > 1}
    taken = parameters | {DEFAULT}
    named = {f"{n} (metric)" if n in taken else n: v for n, v in others.items()}
    return {DEFAULT: known[first], **{n: v for n, v in named.items() if n != first}}
