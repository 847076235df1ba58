# pyright: basic
# scikit-learn ships no types.
"""Importance of decisions: how much of the variation between trials each one explains.

1. Trials are ranked at equal training: the *standing* of a trial is the share of other trials that
   it beats, each pair compared at the last step that both reached. So pruned trials count with
   what they reported, and one diverged loss does not dominate.
2. A random forest learns the standing from `space.encode`, in five folds. Its fit is R² on the
   held-out trials. With fewer than 30 trials, or a fit below 0.1, no importance is reported. (Of
   100 searches in which no decision mattered, 2 passed that bound, with 30 trials and with 50.)
3. A decision is *shuffled* in the trials held out: its value is replaced by that of another trial
   in which it is active, together with the values of the decisions that depend on it, so that what
   the forest evaluates remains an architecture. Where the decision is inactive, nothing is
   shuffled: a decision that is seldom active counts little.

Half the increase of the squared error, over the variance of the standing, estimates the share of
the variance that the decision takes part in, alone or with others (the total effect of Sobol'). A
decision's share includes that of the decisions that depend on it, and shares of interacting
decisions overlap, so they need not sum to one.

References:
    Breiman 2001, Random Forests, doi:10.1023/A:1010933404324; Gregorutti, Michel & Saint-Pierre
    2017, Correlation and variable importance in random forests, doi:10.1007/s11222-016-9646-1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from ..spaces import Decision, MissingExtra
from ..spaces.decisions.encoding import Encoding
from ..strategies import History, Objective, Trial

__all__ = ["Importance", "Share", "encoded", "importance", "standings"]

Array = NDArray[numpy.float64]

FEWEST = 30  # trials below which no importance is reported
MOST = 1000  # trials that the forests use; more are thinned evenly
FIT = 0.1  # R² below which no importance is reported
FOLDS = 5
TREES = 100
SHUFFLES = 8  # of each decision, for each trial held out


@dataclass(frozen=True, slots=True)
class Share:
    """How much one decision explains.

    Attributes:
        decision: Its name.
        share: Share of the variance that it takes part in, from 0 to 1.
        error: Standard error of the share.
    """

    decision: str
    share: float
    error: float


@dataclass(frozen=True, slots=True)
class Importance:
    """How much each decision explains of the difference between trials.

    Attributes:
        objective: The objective.
        trials: Number of trials that were asked.
        fit: R² of the forests on trials they had not seen; None if there were none.
        shares: Decisions, the most important first; empty if there is a doubt.
        doubt: Why no importance is reported, as a sentence; empty if there are shares.
    """

    objective: Objective
    trials: int
    fit: float | None = None
    shares: tuple[Share, ...] = ()
    doubt: str = ""


def importance(history: History, objective: Objective) -> Importance:
    """Estimate how much each decision explains of an objective; see the module.

    Args:
        history: Complete and pruned trials are used, at most 1,000 of them.
        objective: The objective.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    asked = [trial for trial in history if trial.scores((objective,)) is not None]
    picked = numpy.linspace(0, len(asked) - 1, min(len(asked), MOST)).astype(int)
    trials = [asked[k] for k in picked]
    if len(trials) < FEWEST:
        doubt = f"Too few trials: {len(trials)} have a value, {FEWEST} are needed."
        return Importance(objective, len(trials), doubt=doubt)
    target = standings(trials, objective)
    if numpy.ptp(target) == 0:
        return Importance(objective, len(trials), doubt="All trials have the same value.")
    decisions = history.space.decisions
    parts = encoded(decisions, trials)
    blocks = list(_blocks(decisions, [part.shape[1] for part in parts], trials))
    errors = _errors(numpy.hstack(parts), target, blocks)
    fit = float(1 - errors[0].mean() / target.var())
    if fit < FIT:
        doubt = (
            f"Too few trials: from these {len(trials)}, the decisions do not predict "
            f"the value of another trial (R² {fit:.2f}; {FIT} is needed)."
        )
        return Importance(objective, len(trials), fit, doubt=doubt)
    changes = (errors[1:] - errors[0]) / (2 * target.var())
    shares = [
        Share(decision.name, float(change.mean().clip(0, 1)), _standard_error(change))
        for decision, change in zip(decisions, changes, strict=True)
    ]
    return Importance(objective, len(trials), fit, tuple(sorted(shares, key=lambda s: -s.share)))


def _standard_error(values: Array) -> float:
    return float(values.std() / numpy.sqrt(len(values)))


def standings(trials: Sequence[Trial], objective: Objective) -> Array:
    """Return the share of the others that each trial beats, ties counting half.

    Two trials are compared at the last step that both reached: complete ones by their values,
    others by what they had last reported there.

    Args:
        trials: At least two trials that have the objective.
        objective: The objective.

    Returns:
        Numbers from 0 to 1, shape (trials,).
    """
    filled, last = _filled(objective.sign * _table(trials, objective.metric))
    ours = numpy.take_along_axis(filled, numpy.minimum.outer(last, last), axis=1)
    beaten: Array = (ours > ours.T) + 0.5 * (ours == ours.T)
    points: Array = beaten.sum(axis=1) - 0.5  # not against itself
    return points / (len(trials) - 1)


def _table(trials: Sequence[Trial], metric: str) -> Array:
    """Return the metric of each trial at each step, and at last as its final value; else NaN."""
    curves = [{s.step: s.metrics[metric] for s in t.curve if metric in s.metrics} for t in trials]
    steps = sorted({step for curve in curves for step in curve})
    table = numpy.full((len(trials), len(steps) + 1), numpy.nan)
    for row, trial, curve in zip(table, trials, curves, strict=True):
        row[:-1] = [curve.get(step, numpy.nan) for step in steps]
        if trial.state == "complete" or numpy.isnan(row).all():
            row[-1] = trial.values[metric]
    return table


def _filled(table: Array) -> tuple[Array, NDArray[numpy.intp]]:
    """Fill gaps of rows forward, then backward; also return the last known column of each row."""
    known = ~numpy.isnan(table)
    columns = numpy.arange(table.shape[1])
    latest = numpy.maximum.accumulate(numpy.where(known, columns, -1), axis=1)
    source = numpy.where(latest < 0, known.argmax(axis=1)[:, None], latest)
    return numpy.take_along_axis(table, source, axis=1), latest[:, -1]


@dataclass(frozen=True)
class _Block:
    """What is shuffled for one decision.

    Attributes:
        columns: Entries of the encoding: its own, and those of decisions that depend on it.
        active: The trials in which it is active.
    """

    columns: NDArray[numpy.intp]
    active: NDArray[numpy.intp]


def encoded(decisions: Sequence[Decision], trials: Sequence[Trial]) -> list[Array]:
    """Encode the trials decision by decision; side by side, the parts are `space.encode`."""
    choices = [trial.architecture.choices for trial in trials]
    parts = [Encoding([decision]) for decision in decisions]
    return [numpy.array([part(given) for given in choices]) for part in parts]


def _blocks(
    decisions: Sequence[Decision], widths: Sequence[int], trials: Sequence[Trial]
) -> Iterator[_Block]:
    ends = numpy.cumsum(widths)
    above: dict[str, set[str]] = {}  # the decisions that each depends on, and itself
    for decision in decisions:
        above[decision.name] = {decision.name}.union(*map(above.__getitem__, decision.parents))
    for decision in decisions:
        columns = [
            numpy.arange(end - width, end)
            for other, width, end in zip(decisions, widths, ends, strict=True)
            if decision.name in above[other.name]
        ]
        active = [k for k, t in enumerate(trials) if decision.name in t.architecture]
        yield _Block(numpy.concatenate(columns), numpy.array(active, dtype=numpy.intp))


def _errors(inputs: Array, target: Array, blocks: Sequence[_Block]) -> Array:
    """Return squared errors of forests on trials they have not seen.

    Returns:
        As they are, and with each block shuffled; shape (1 + blocks, trials).
    """
    try:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.model_selection import KFold
    except ImportError as error:
        raise MissingExtra("sklearn", "report", "the importance of decisions") from error
    rng = Generator(numpy.random.Philox(0))
    errors = numpy.empty((1 + len(blocks), len(target)))
    for seen, held_out in KFold(FOLDS, shuffle=True, random_state=0).split(inputs):
        forest = RandomForestRegressor(TREES, random_state=0).fit(inputs[seen], target[seen])
        errors[:, held_out] = (forest.predict(inputs[held_out]) - target[held_out]) ** 2
        for row, block in zip(errors[1:], blocks, strict=True):
            rows = numpy.intersect1d(held_out, block.active)
            if len(rows):
                guesses = forest.predict(_shuffled(inputs, rows, block, rng))
                row[rows] = ((guesses.reshape(SHUFFLES, -1) - target[rows]) ** 2).mean(axis=0)
    return errors


def _shuffled(inputs: Array, rows: NDArray[numpy.intp], block: _Block, rng: Generator) -> Array:
    """Return rows several times over, each time with a block from another trial that has it."""
    shuffled = numpy.tile(inputs[rows], (SHUFFLES, 1))
    donors = rng.choice(block.active, len(shuffled))
    shuffled[:, block.columns] = inputs[donors][:, block.columns]
    return shuffled
