"""Policy gradient: the controller of neural architecture search by reinforcement learning."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal, NamedTuple, final

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from ..spaces import Architecture, Label
from ..spaces.decisions.domains import Domain
from .errors import StrategyError, check_count, check_number
from .lstm import ABSENT, Adam, Memory, Network, ascend
from .partition import option_of, partition
from .search import generator
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["Controller", "PolicyGradient"]

Array = NDArray[numpy.float64]

WEIGHTS = 2**64 - 1  # the number whose generator draws the initial weights; no trial has it
RECENT = 1000  # finished trials that a new one is compared with, so that work stays bounded
DECAY = 0.95  # of the baseline


@dataclass(frozen=True, eq=False)
class Controller:
    """The policy, and what it waits to learn from.

    Attributes:
        problem: What is searched.
        parts: The options of each decision, as parts of its domain.
        network: The shape of the network.
        learned: Its weights, with what Adam remembers.
        baseline: Moving average of the rewards; None before the first batch.
        seen: Scores of the latest finished trials, larger being better, shape (n, objectives).
        batch: Finished trials since the last update: the option of each decision, and the
            scores, -inf where the trial failed.
    """

    problem: Problem
    parts: tuple[tuple[Domain, ...], ...]
    network: Network
    learned: Adam
    baseline: float | None
    seen: Array
    batch: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...] = ()

    def options(self, choices: Mapping[str, Label]) -> tuple[int, ...]:
        """Return the option of every decision of an architecture, -1 where it is not active."""
        decisions = self.problem.space.decisions
        return tuple(
            option_of(parts, choices[decision.name]) if decision.name in choices else ABSENT
            for decision, parts in zip(decisions, self.parts, strict=True)
        )


@final
@dataclass(frozen=True)
class PolicyGradient(Strategy[Controller]):
    r"""An LSTM that writes architectures down, and learns to write those with a high reward.

    After every `batch` finished trials the controller goes up the gradient of

    $$ \frac{1}{n} \sum_{i,t} \min(r_{it} A_i, \mathrm{clip}(r_{it}, 1 - c, 1 + c) A_i)
       + \beta H_{it}, \quad
       r_{it} = \frac{\pi(a_{it} \mid a_{i,<t})}{\pi_{old}(a_{it} \mid a_{i,<t})} $$

    where i counts the trials of the batch and t their active decisions, H is the entropy of a
    choice, and the advantage A is the reward less an exponential moving average of the rewards
    (decay .95, moved before it is used, begun at the mean of the first batch). Decisions that are
    not active are skipped. Options and few integers are categories; a range of more values is cut
    into `points` parts, and the value drawn uniformly within the part.

    The reward is the share of the last 1,000 finished trials that are not better, hence the same
    for an accuracy and for its logarithm, and unmoved by outliers. With several objectives
    "better" is "dominates", so that the whole front has the reward 1 (our choice; the paper has
    one objective). A pruned trial counts with its last value, a failed one as worse than all.

    The policy changes at each full batch, and `old` is the one before that change. A trial was
    sampled from it unless it ran across the change before; such trials, fewer than there are
    workers, count as samples of the newer policy, whose probabilities of them are recomputed
    (their proximal policy, Hilton et al. 2021). Nor is it corrected that a search takes only
    architectures that are new. Constraints are not learned: what they forbid is passed over.

    Differences from the paper: the reward by rank, and the learning rate (.01, not 3.5e-4): its
    controller has thousands of trials, and would hardly move within the ten batches of 200.

    Args:
        batch: Finished trials of one update, at least 1.
        learning_rate: Of Adam, above 0.
        algorithm: "ppo", or "reinforce": one step a batch, the ratio being 1 and nothing clipped.
            With fewer steps it wants larger ones, as `learning_rate=0.03`.
        epochs: Steps on each batch with "ppo", at least 1.
        clip: How far from 1 a ratio may go before it counts no more (c), above 0.
        entropy: Weight of the entropy, which keeps the policy from settling early (beta), at
            least 0.
        units: Size of the embeddings and of the memory, at least 1.
        points: Most parts of the range of a number, at least 1.

    Raises:
        StrategyError: A setting is out of its bounds.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> from nasbridge.strategies import PolicyGradient, Search, Trial
        >>> space = Space({f"layer{k}": Choice(["conv", "pool", "skip"]) for k in range(8)})
        >>> search = Search(PolicyGradient(batch=10), space, {"score": "max"}, seed=0)
        >>> scores = []
        >>> for number in range(60):
        ...     architecture = search.ask(number)
        ...     scores.append(sum(option == "conv" for option in architecture.values()))
        ...     search.tell(Trial(number, architecture, "complete", {"score": scores[-1]}))
        >>> sum(scores[-20:]) > 2 * sum(scores[:20]), max(scores)
        (True, 8)

    References:
        Zoph & Le 2017, Neural Architecture Search with Reinforcement Learning, arXiv:1611.01578.
        Zoph et al. 2018, Learning Transferable Architectures for Scalable Image Recognition,
        arXiv:1707.07012.
        Schulman et al. 2017, Proximal Policy Optimization Algorithms, arXiv:1707.06347.
        Hilton et al. 2021, Batch Size-Invariance for Policy Optimization, arXiv:2110.00641.
    """

    batch: int = 20
    learning_rate: float = 0.01
    algorithm: Literal["ppo", "reinforce"] = "ppo"
    epochs: int = 4
    clip: float = 0.2
    entropy: float = 1e-5
    units: int = 100
    points: int = 10

    def __post_init__(self) -> None:
        for name in ("batch", "epochs", "units", "points"):
            check_count(self, name, least=1)
        for name in ("learning_rate", "clip"):
            check_number(self, name, above=True)
        check_number(self, "entropy")
        if self.algorithm not in ("ppo", "reinforce"):
            raise StrategyError(
                f"algorithm={self.algorithm!r} of PolicyGradient: give 'ppo' or 'reinforce'"
            )

    def start(self, problem: Problem) -> Controller:
        parts = tuple(partition(d.domain, self.points) for d in problem.space.decisions)
        network = Network(tuple(map(len, parts)), self.units)
        vector = network.initial(generator(problem.seed, WEIGHTS))
        nothing = numpy.zeros(network.size)
        seen = numpy.zeros((0, len(problem.objectives)))
        return Controller(problem, parts, network, Adam(vector, nothing, nothing), None, seen)

    def propose(self, state: Controller, rng: Generator) -> Iterator[Architecture]:
        draft = Draft(state)
        while draft.left > 0:
            yield draft.write(rng)

    def observe(self, state: Controller, trial: Trial) -> Controller:
        if trial.state == "running":
            return state
        objectives = state.problem.objectives
        scores = trial.scores(objectives) or (-numpy.inf,) * len(objectives)
        batch = (*state.batch, (state.options(trial.architecture.choices), scores))
        if len(batch) < self.batch:
            return replace(state, batch=batch)
        return self._learn(replace(state, batch=batch))

    def _learn(self, state: Controller) -> Controller:
        if not state.problem.space.decisions:
            return replace(state, batch=())
        chosen = numpy.array([options for options, _ in state.batch], dtype=numpy.intp)
        scores = numpy.array([scores for _, scores in state.batch])
        finished = scores[numpy.isfinite(scores).all(axis=1)]
        seen = numpy.concatenate([state.seen, finished])[-RECENT:]
        baseline, advantages = advantages_of(rewards_of(scores, seen), state.baseline)
        network, learned = state.network, state.learned
        old = network.forward(learned.vector, chosen).log_probs
        for _ in range(self.epochs if self.algorithm == "ppo" else 1):
            made = network.forward(learned.vector, chosen)
            factors = pull(numpy.exp(made.log_probs - old), advantages, self.clip)
            ascent = network.backward(learned.vector, made, factors, self.entropy)
            learned = ascend(learned, ascent / len(chosen), self.learning_rate)
        return replace(state, learned=learned, baseline=baseline, seen=seen, batch=())


class Place(NamedTuple):
    """A decision after what was chosen before it.

    Attributes:
        memory: What the network remembers there.
        probs: Of every option.
        left: The same without what has been written; the only thing here that changes.
    """

    memory: Memory
    probs: tuple[float, ...]
    left: list[float]


class Draft:
    """Writes architectures under one policy, none twice, and computes no prefix twice.

    Drawing without replacement has the distribution of drawing with it and dropping repetitions
    (Shi et al. 2020, arXiv:2002.09067), but needs no more draws when the policy is sure of itself.
    Architectures with a value from a longer part of a range may come again.

    Args:
        state: The policy.
    """

    def __init__(self, state: Controller) -> None:
        self.left = 1.0
        """How probable what has not been written is."""
        self._state = state
        self._weights = state.network.weights(state.learned.vector)
        self._places: dict[tuple[int, ...], Place] = {}

    def write(self, rng: Generator) -> Architecture:
        """Draw every active decision, each given those before it."""
        state, choices = self._state, dict[str, Label]()
        space, memory = state.problem.space, state.network.blank(1)
        prefix: tuple[int, ...] = (0,)
        path, single = list[tuple[Place, int]](), True
        for position, decision in enumerate(space.decisions):
            if decision.is_active(choices):
                place = self._place(prefix, memory, position)
                upto = list(accumulate(place.left))
                option = bisect_right(upto, upto[-1] * rng.random(), hi=len(upto) - 1)
                part = state.parts[position][option]
                choices[decision.name] = part.sample(rng)
                memory, prefix = place.memory, (*prefix, state.network.row(position, option))
                path.append((place, option))
                single &= part.size == 1
        if single:
            self._strike(path)
        return Architecture(space, choices)

    def _strike(self, path: Sequence[tuple[Place, int]]) -> None:
        """Take out what has been written, from its last decision up to the first."""
        left = 0.0
        for place, option in reversed(path):
            place.left[option] = place.probs[option] * left
            left = sum(place.left)
        self.left = left

    def _place(self, prefix: tuple[int, ...], memory: Memory, position: int) -> Place:
        """Return a decision's place after a prefix.

        Args:
            prefix: The embeddings of what was chosen, from the beginning on.
            memory: After all of them but the last.
            position: The decision's.
        """
        key = (*prefix, position)  # one part of a range may make other decisions active each time
        if key not in self._places:
            last = numpy.array(prefix[-1:], dtype=numpy.intp)
            _, _, after, logs = self._state.network.step(self._weights, memory, last, position)
            probs = tuple(numpy.exp(logs[0]).tolist())
            self._places[key] = Place(after, probs, list(probs))
        return self._places[key]


def rewards_of(scores: Array, seen: Array) -> Array:
    """Return for each trial the share of those seen that do not dominate it.

    Args:
        scores: Of the trials, larger being better, -inf where one failed, shape (n, objectives).
        seen: Of the trials to compare with, finite, shape (m, objectives).

    Returns:
        From 0 to 1, shape (n,).
    """
    no_worse = (seen[None] >= scores[:, None]).all(axis=2)
    better = (seen[None] > scores[:, None]).any(axis=2)
    result: Array = (len(seen) - (no_worse & better).sum(axis=1)) / max(len(seen), 1)
    return result


def advantages_of(rewards: Array, baseline: float | None) -> tuple[float, Array]:
    """Move the baseline with each reward, then subtract it from that reward.

    Args:
        rewards: Shape (n,).
        baseline: Where it is; None begins at the mean of these rewards.

    Returns:
        The baseline after the last reward, and the advantages, shape (n,).
    """
    moved, advantages = float(rewards.mean()) if baseline is None else baseline, list[float]()
    for reward in rewards.tolist():
        moved = DECAY * moved + (1 - DECAY) * reward
        advantages.append(reward - moved)
    return moved, numpy.array(advantages)


def pull(ratios: Array, advantages: Array, clip: float) -> Array:
    """Return the gradient of the clipped objective by the log-probabilities.

    Args:
        ratios: Of the probabilities to those before, shape (n, decisions).
        advantages: Shape (n,).
        clip: How far from 1 a ratio may go in the direction of its advantage.

    Returns:
        Zero where a ratio has gone far enough, shape (n, decisions).
    """
    far = numpy.where(advantages[:, None] > 0, ratios > 1 + clip, ratios < 1 - clip)
    return numpy.where(far, 0.0, ratios * advantages[:, None])
