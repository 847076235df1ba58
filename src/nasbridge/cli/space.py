"""The command `space`: decisions, size and random architectures of a space."""

import math
from pathlib import Path

import numpy
from rich.text import Text

from ..spaces import Decision, SearchSpace
from .app import new_table, out, print_message
from .load import space_in

__all__ = ["show_space"]

ENUMERATED = 2_000  # the largest space whose architectures are all enumerated


def show_space(
    file: Path, name: str | None, sample: int, seed: int, picture: Path | None, as_json: bool
) -> None:
    """Print a space.

    Args:
        file: A Python file or a space's JSON.
        name: The variable in the Python file; None for the default one.
        sample: Number of random architectures to show.
        seed: Seed of the random architectures.
        picture: The file to draw the first architecture to.
        as_json: Print the space's JSON instead.
    """
    space = space_in(file, name)
    if as_json:
        out.print(Text(space.to_json()), soft_wrap=True)
        return
    table = new_table("decision", "domain", "active when")
    for decision in space.decisions:
        table.add_row(Text(decision.name), Text(str(decision.domain)), Text(_conditions(decision)))
    out.print(table)
    for line in _numbers(space):
        out.print(line)
    rng = numpy.random.default_rng(seed)
    drawn = [space.sample(rng) for _ in range(max(sample, 1 if picture else 0))]
    for architecture in drawn[:sample]:
        out.print(Text(str(architecture)), soft_wrap=True)
    if picture is not None:
        drawn[0].draw(picture)
        print_message(str(picture))


def _conditions(decision: Decision) -> str:
    if () in decision.conditions:
        return "always"
    return " or ".join(" and ".join(map(str, condition)) for condition in decision.conditions)


def _numbers(space: SearchSpace) -> list[str]:
    """Return the size of the space, in total and without equivalent architectures."""
    count = space.count()
    if math.isinf(count):
        return [
            f"{len(space.decisions)} decisions, some of them real: infinitely many architectures"
        ]
    lines = [f"{len(space.decisions)} decisions, {count:,} architectures"]
    if count <= ENUMERATED:
        forms = [architecture.canonical for architecture in space.enumerate()]
        if len(forms) < count:
            lines.append(f"{len(forms):,} of them satisfy the constraints")
        lines.append(f"{len(set(forms)):,} of these are distinct up to equivalence")
    return lines
