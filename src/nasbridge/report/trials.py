"""The best trials with their pictures, and the table of all trials."""

from dataclasses import dataclass
from typing import final

from ..spaces import Architecture
from ..spaces.graph.graph import HierarchicalGraph
from ..strategies import Trial
from .data import ReportData
from .text import choices, clip, number, pairs, seconds

__all__ = ["Card", "Cell", "Row", "cards", "rows"]

LONGEST = 400  # characters of an error


@final
@dataclass(frozen=True)
class Card:
    """One of the best trials.

    Attributes:
        number: The trial's number.
        values: Each objective and its value, as texts.
        seconds: How long it took, as text.
        pictures: SVG of each network, by its name; empty where the space has none.
        choices: Each active decision and what was chosen, as texts.
        summary: The choices in a line.
    """

    number: int
    values: dict[str, str]
    seconds: str
    pictures: dict[str, str]
    choices: dict[str, str]
    summary: str


def cards(data: ReportData) -> list[Card]:
    """Return the best trials with their pictures."""
    return [_card(data, trial) for trial in data.top]


def _card(data: ReportData, trial: Trial) -> Card:
    architecture = trial.architecture
    return Card(
        number=trial.number,
        values={o.metric: number(trial.values[o.metric]) for o in data.history.objectives},
        seconds=seconds(trial.seconds),
        pictures={part: architecture.draw(part=part) for part in networks(architecture)},
        choices={name: number(label) for name, label in architecture.choices.items()},
        summary=choices(architecture),
    )


def networks(architecture: Architecture) -> list[str]:
    """Return the names of the networks that an architecture describes."""
    parts = architecture.space.resolve(architecture.choices, compact=True)
    return [name for name, part in parts.items() if isinstance(part, HierarchicalGraph)]


@final
@dataclass(frozen=True)
class Cell:
    """A number in the table: as text, and what it is sorted by."""

    text: str
    value: float | None


@final
@dataclass(frozen=True)
class Row:
    """A trial in the table.

    Attributes:
        number: The trial's number.
        state: Its state.
        values: Its objectives.
        seconds: How long it took.
        steps: How many steps it reported.
        choices: What was chosen, in a line.
        others: Metrics that are no objectives, in a line.
        error: Why it failed; empty if it did not.
    """

    number: int
    state: str
    values: list[Cell]
    seconds: Cell
    steps: int
    choices: str
    others: str
    error: str


def rows(data: ReportData) -> list[Row]:
    """Return the trials of the table, in the order of the history."""
    metrics = [objective.metric for objective in data.history.objectives]
    return [_row(trial, metrics) for trial in data.listed]


def _row(trial: Trial, metrics: list[str]) -> Row:
    values = [trial.values.get(metric) for metric in metrics]
    others = {name: value for name, value in trial.values.items() if name not in metrics}
    return Row(
        number=trial.number,
        state=trial.state,
        values=[Cell("" if value is None else number(value), value) for value in values],
        seconds=Cell(seconds(trial.seconds), trial.seconds),
        steps=len(trial.curve),
        choices=choices(trial.architecture),
        others=pairs(others),
        error=clip(str(trial.notes.get("error", "")), LONGEST),
    )
