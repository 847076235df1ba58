"""How many architectures a space has, and all of them in order."""

import math
from collections.abc import Iterator, Sequence

from ._decisions import Decision
from ._domains import Label

__all__ = ["count", "enumerate_choices"]

Signature = tuple[tuple[bool, ...] | None, ...]


def count(decisions: Sequence[Decision]) -> int | float:
    """Count the choices that meet all conditions, exactly.

    Goes through the decisions once and keeps, for those that later conditions still ask, only
    which of the asked clauses hold; so the work grows with the number of decisions, not with
    the number of architectures.

    Args:
        decisions: The decisions, parents before children.

    Returns:
        An exact int; `math.inf` where a decision is real.
    """
    if any(math.isinf(decision.domain.size) for decision in decisions):
        return math.inf
    asked, last_use = _uses(decisions)
    states: dict[Signature, int] = {(): 1}
    live: list[str] = []  # the decisions that a state speaks of, in its order
    for position, decision in enumerate(decisions):
        kinds: dict[tuple[bool, ...], int] = {}
        for answer, number in _answers(decision, tuple(asked.get(decision.name, ()))):
            kinds[answer] = kinds.get(answer, 0) + number
        grown: dict[Signature, int] = {}
        alternatives = [
            [(live.index(clause.decision), asked[clause.decision][clause.values]) for clause in of]
            for of in decision.conditions
        ]
        for state, ways in states.items():
            if _holds(alternatives, state):
                for answer, number in kinds.items():
                    _add(grown, (*state, answer), ways * number)
            else:
                _add(grown, (*state, None), ways)
        live.append(decision.name)
        kept = [k for k, name in enumerate(live) if last_use.get(name, -1) > position]
        live = [live[k] for k in kept]
        states = {}
        for state, ways in grown.items():
            _add(states, tuple(state[k] for k in kept), ways)
    return sum(states.values())


Asked = dict[str, dict[tuple[Label, ...], int]]
"""For each decision, the sets of values that are asked of it, numbered."""


def _uses(decisions: Sequence[Decision]) -> tuple[Asked, dict[str, int]]:
    """For each parent: the value sets that are asked of it, and by whom last."""
    asked: Asked = {}
    last: dict[str, int] = {}
    for position, decision in enumerate(decisions):
        for condition in decision.conditions:
            for clause in condition:
                sets = asked.setdefault(clause.decision, {})
                sets.setdefault(clause.values, len(sets))
                last[clause.decision] = position
    return asked, last


def _answers(
    decision: Decision, asked: tuple[tuple[Label, ...], ...]
) -> Iterator[tuple[tuple[bool, ...], int]]:
    """Group a decision's values by the clauses that they meet."""
    if not asked:
        yield (), int(decision.domain.size)
        return
    lookups = [frozenset(values) for values in asked]
    for value in decision.domain.values():
        yield tuple(value in lookup for lookup in lookups), 1


def _holds(alternatives: Sequence[Sequence[tuple[int, int]]], state: Signature) -> bool:
    """Tell whether one alternative holds; each is pairs of (live decision, asked set)."""

    def met(position: int, number: int) -> bool:
        answer = state[position]
        return answer is not None and answer[number]

    return any(all(met(*clause) for clause in clauses) for clauses in alternatives)


def _add(table: dict[Signature, int], state: Signature, ways: int) -> None:
    table[state] = table.get(state, 0) + ways


def enumerate_choices(
    decisions: Sequence[Decision], points: int | None = None
) -> Iterator[dict[str, Label]]:
    """List all choices, the last decision changing fastest.

    Args:
        decisions: The decisions, parents before children.
        points: How many values of a real decision to take, on a grid.

    Yields:
        Every choice that meets the conditions, once.
    """
    listed = [decision.domain.values(points) for decision in decisions]
    choices: dict[str, Label] = {}
    taken: list[tuple[int, int]] = []  # (decision, value) of the active ones

    def fill(start: int) -> None:
        for position in range(start, len(decisions)):
            if decisions[position].is_active(choices):
                choices[decisions[position].name] = listed[position][0]
                taken.append((position, 0))

    fill(0)
    while True:
        yield dict(choices)
        while taken:
            position, value = taken.pop()
            if value + 1 < len(listed[position]):
                choices[decisions[position].name] = listed[position][value + 1]
                taken.append((position, value + 1))
                fill(position + 1)
                break
            del choices[decisions[position].name]
        else:
            return
