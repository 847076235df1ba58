"""Counting and listing the architectures of a space."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .decisions import Decision
from .domains import Label

__all__ = ["count", "enumerate_choices"]


class Link(NamedTuple):
    """The effect of a decision on one condition of a later decision.

    Attributes:
        holds: Bit of a state: the condition holds for all decisions so far.
        opens: Bit of a state: the later decision is active.
        values: The values that satisfy the condition.
        first: Whether the condition depends on no earlier decision.
        last: Whether the condition depends on no later decision.
    """

    holds: int
    opens: int
    values: frozenset[Label]
    first: bool
    last: bool


def count(decisions: Sequence[Decision]) -> int | float:
    """Count the choices that satisfy all conditions, exactly.

    Dynamic programming over the decisions, each placed directly after its last parent. A state is
    an int whose bits are the partial results of the conditions of later decisions. The cost depends
    on the number of decisions and of simultaneous states, not on the number of architectures.

    Args:
        decisions: The decisions, parents before children.

    Returns:
        An exact int; `math.inf` if a decision is real.
    """
    if any(math.isinf(decision.domain.size) for decision in decisions):
        return math.inf
    decisions = _close_to_parents(decisions)
    states = {0: 1}  # number of choices that lead to each state
    for position, (decision, links) in enumerate(zip(decisions, _links(decisions), strict=True)):
        kinds = _kinds(decision, links)
        shut = {(False,) * len(links): 1}
        grown: dict[int, int] = {}
        for state, ways in states.items():
            is_open = state >> position & 1 or () in decision.conditions
            for answers, number in (kinds if is_open else shut).items():
                after = _advance(state & ~(1 << position), links, answers)
                grown[after] = grown.get(after, 0) + ways * number
        states = grown
    return sum(states.values())


def _close_to_parents(decisions: Sequence[Decision]) -> list[Decision]:
    """Reorder decisions so that each follows its last parent as closely as possible."""
    children: dict[str, list[Decision]] = {decision.name: [] for decision in decisions}
    for decision in decisions:
        for parent in decision.parents:
            children[parent].append(decision)
    placed: dict[str, Decision] = {}
    waiting = [decision for decision in reversed(decisions) if not decision.parents]
    while waiting:
        decision = waiting.pop()
        if decision.name not in placed and all(parent in placed for parent in decision.parents):
            placed[decision.name] = decision
            waiting.extend(reversed(children[decision.name]))
    return list(placed.values())


def _links(decisions: Sequence[Decision]) -> list[list[Link]]:
    """Return for each decision its links to the conditions of later decisions."""
    positions = {decision.name: position for position, decision in enumerate(decisions)}
    links: list[list[Link]] = [[] for _ in decisions]
    bits = itertools.count(len(decisions))  # the first bits: which decisions are active
    for child, decision in enumerate(decisions):
        for condition in decision.conditions:
            asked: dict[int, frozenset[Label]] = {}
            for clause in condition:
                values, parent = frozenset(clause.values), positions[clause.decision]
                asked[parent] = values & asked.get(parent, values)
            holds = 1 << next(bits)
            for parent, values in asked.items():
                first, last = parent == min(asked), parent == max(asked)
                links[parent].append(Link(holds, 1 << child, values, first, last))
    return links


def _kinds(decision: Decision, links: Sequence[Link]) -> dict[tuple[bool, ...], int]:
    """Count a decision's values by which of its links they satisfy."""
    if not links:
        return {(): int(decision.domain.size)}
    named = {value for link in links for value in link.values if _is_in(decision, value)}
    kinds: dict[tuple[bool, ...], int] = {}
    for value in named:
        answers = tuple(value in link.values for link in links)
        kinds[answers] = kinds.get(answers, 0) + 1
    others = int(decision.domain.size) - len(named)  # a range may have too many to be listed
    if others:
        kinds[(False,) * len(links)] = others
    return kinds


def _is_in(decision: Decision, value: Label) -> bool:
    try:
        return decision.domain.check(value) == value
    except ValueError:
        return False


def _advance(state: int, links: Sequence[Link], answers: Sequence[bool]) -> int:
    """Return the state after one more decision."""
    for link, answer in zip(links, answers, strict=True):
        met = answer and not state & link.opens and (link.first or bool(state & link.holds))
        state &= ~link.holds
        if met:
            state |= link.opens if link.last else link.holds
    return state


def enumerate_choices(
    decisions: Sequence[Decision], points: int | None = None
) -> Iterator[dict[str, Label]]:
    """List all choices, the last decision changing fastest.

    Args:
        decisions: The decisions, parents before children.
        points: Number of values of a real decision, on a grid.

    Yields:
        Each choice that satisfies the conditions, once.
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
