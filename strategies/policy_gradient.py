"""Policy gradient: neural architecture search by reinforcement learning with an LSTM."""

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
from .lstm import INACTIVE, AdamState, LSTMState, Network, adam_ascent
from .partition import option_of, partition
from .search import generator
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["PolicyGradientState", "PolicyGradient"]

Array = NDArray[numpy.float64]

WEIGHTS = 2**64 - 1  # number of the generator of initial weights, beyond all trial numbers
RECENT = 1000  # finished trials that a reward is computed from, so that the cost stays bounded
DECAY = 0.95  # decay of the baseline


@dataclass(frozen=True, eq=False)
class PolicyGradientState:
    """State of `PolicyGradient`: the policy, and the trials of the current batch.

    Attributes:
        problem: The problem.
        parts: The options of each decision, as bins of its domain.
        network: The architecture of the policy network.
        learned: Its weights with the state of Adam.
        baseline: Moving average of the rewards; None before the first update.
        seen: Scores of the latest finished trials (larger is better), shape (n, objectives).
        batch: Finished trials since the last update: the option of each decision, and the scores,
            -inf for a failed trial and NaN for an objective that a pruned trial lacks.
    """

    problem: Problem
    parts: tuple[tuple[Domain, ...], ...]
    network: Network
    learned: AdamState
    baseline: float | None
    seen: Array
    batch: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...] = ()

    def options(self, choices: Mapping[str, Label]) -> tuple[int, ...]:
        """Return the option of every decision, `INACTIVE` for inactive ones."""
        decisions = self.problem.space.decisions
        return tuple(
            option_of(parts, choices[decision.name]) if decision.name in choices else INACTIVE
            for decision, parts in zip(decisions, self.parts, strict=True)
        )


@final
@dataclass(frozen=True)
class PolicyGradient(Strategy[PolicyGradientState]):
    r"""Policy gradient: an LSTM generates architectures and is trained by PPO or REINFORCE.

    After every `batch` finished trials, Adam takes `epochs` steps of ascent on

    $$ \frac{1}{n} \sum_{i,t} \min(r_{it} A_i, \mathrm{clip}(r_{it}, 1 - c, 1 + c) A_i)
       + \beta H_{it}, \quad
       r_{it} = \frac{\pi(a_{it} \mid a_{i,<t})}{\pi_{old}(a_{it} \mid a_{i,<t})} $$

    where i counts the n trials of the batch and t their active decisions, and H is the entropy of
    a choice. The advantage A is the reward minus its exponential moving average (decay 0.95,
    updated before the subtraction, starting at the mean of the first batch). Inactive decisions
    are skipped. Each option, and each value of a small integer range, is a category; a larger
    range is divided into `points` bins, and a value is drawn uniformly within its bin.

    The reward is the share of the last 1,000 finished trials that are not better. It is invariant
    under monotone transformations of the objective. With several objectives, "better" is Pareto
    dominance, so all trials on the front have the reward 1. A pruned trial counts with the last
    values that it reported, objective by objective. A failed trial counts as worse than all others.

    The old policy is the one before the update. A trial that was running during the previous
    update was sampled from an older policy; its probabilities are recomputed under the old policy,
    as for the proximal policy of Hilton et al. 2021. The bias from skipping known architectures
    is not corrected. Infeasible samples are skipped, and the policy does not learn constraints.

    Deviations from the papers: the reward by rank, Pareto dominance for several objectives, and
    the learning rate (0.01, not 3.5e-4), because 3.5e-4 hardly changes the policy within 200
    trials. Once trials have failed, `Search` passes over samples that would probably fail.

    Args:
        batch: Number of finished trials per update, at least 1.
        learning_rate: Learning rate of Adam, above 0.
        algorithm: "ppo"; or "reinforce" for one step per batch without clipping, where a larger
            `learning_rate` such as 0.03 is suitable.
        epochs: Number of steps per batch with "ppo", at least 1.
        clip: Clipping range of the probability ratio (c), above 0.
        entropy: Weight of the entropy bonus (beta), at least 0.
        units: Size of embeddings and LSTM state, at least 1.
        points: Maximum number of bins of a numeric range, at least 1.

    Raises:
        StrategyError: A setting is out of bounds.

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
                f"invalid algorithm={self.algorithm!r} of PolicyGradient: give 'ppo' or 'reinforce'"
            )

    def start(self, problem: Problem) -> PolicyGradientState:
        parts = tuple(partition(d.domain, self.points) for d in problem.space.decisions)
        network = Network(tuple(map(len, parts)), self.units)
        vector = network.initial(generator(problem.seed, WEIGHTS))
        nothing = numpy.zeros(network.size)
        seen = numpy.zeros((0, len(problem.objectives)))
        return PolicyGradientState(
            problem, parts, network, AdamState(vector, nothing, nothing), None, seen
        )

    def propose(self, state: PolicyGradientState, rng: Generator) -> Iterator[Architecture]:
        sampler = UniqueSampler(state)
        while sampler.remaining > 0:
            yield sampler.sample(rng)

    def observe(self, state: PolicyGradientState, trial: Trial) -> PolicyGradientState:
        if trial.state == "running":
            return state
        objectives = state.problem.objectives
        scores = trial.partial_scores(objectives) or (-numpy.inf,) * len(objectives)
        if numpy.isnan(scores).all():  # pruned before its first report
            return state
        batch = (*state.batch, (state.options(trial.architecture.choices), scores))
        if len(batch) < self.batch:
            return replace(state, batch=batch)
        return self._learn(replace(state, batch=batch))

    def _learn(self, state: PolicyGradientState) -> PolicyGradientState:
        if not state.problem.space.decisions:
            return replace(state, batch=())
        chosen = numpy.array([options for options, _ in state.batch], dtype=numpy.intp)
        scores = numpy.array([scores for _, scores in state.batch])
        finished = scores[~numpy.isneginf(scores).all(axis=1)]
        seen = numpy.concatenate([state.seen, finished])[-RECENT:]
        baseline, advantages = compute_advantages(rank_rewards(scores, seen), state.baseline)
        network, learned = state.network, state.learned
        old = network.forward(learned.vector, chosen).log_probs
        for _ in range(self.epochs if self.algorithm == "ppo" else 1):
            result = network.forward(learned.vector, chosen)
            factors = ppo_gradient(numpy.exp(result.log_probs - old), advantages, self.clip)
            ascent = network.backward(learned.vector, result, factors, self.entropy)
            learned = adam_ascent(learned, ascent / len(chosen), self.learning_rate)
        return replace(state, learned=learned, baseline=baseline, seen=seen, batch=())


class TrieNode(NamedTuple):
    """A decision after a prefix of choices.

    Attributes:
        memory: The LSTM state at the decision.
        probs: The probability of each option.
        remaining: The probability of each option without the sampled architectures; it changes.
    """

    memory: LSTMState
    probs: tuple[float, ...]
    remaining: list[float]


class UniqueSampler:
    """Samples architectures from a policy without replacement, with a trie of prefixes.

    This has the distribution of sampling with replacement and dropping repetitions
    (UniqueRandomizer, Shi et al. 2020, arXiv:2002.09067), but needs no extra samples when the
    policy is concentrated.
    Invariant: `remaining` of a node is its `probs` minus the mass of the sampled architectures
    below it. An architecture with a value from a bin of several values is not excluded, so it may
    be sampled again.

    Args:
        state: The policy.
    """

    def __init__(self, state: PolicyGradientState) -> None:
        self.remaining = 1.0
        """The probability of all architectures that have not been sampled."""
        self._state = state
        self._weights = state.network.weights(state.learned.vector)
        self._nodes: dict[tuple[int, ...], TrieNode] = {}

    def sample(self, rng: Generator) -> Architecture:
        """Sample every active decision in order, given the previous choices."""
        state, choices = self._state, dict[str, Label]()
        space, memory = state.problem.space, state.network.initial_state(1)
        prefix: tuple[int, ...] = (0,)
        path, single = list[tuple[TrieNode, int]](), True
        for position, decision in enumerate(space.decisions):
            if decision.is_active(choices):
                node = self._node(prefix, memory, position)
                cumulative = list(accumulate(node.remaining))
                drawn = cumulative[-1] * rng.random()
                option = bisect_right(cumulative, drawn, hi=len(cumulative) - 1)
                part = state.parts[position][option]
                choices[decision.name] = part.sample(rng)
                row = state.network.embedding_row(position, option)
                memory, prefix = node.memory, (*prefix, row)
                path.append((node, option))
                single &= part.size == 1
        if single:
            self._exclude(path)
        return Architecture(space, choices)

    def _exclude(self, path: Sequence[tuple[TrieNode, int]]) -> None:
        """Subtract the mass of a sampled architecture, from its last decision to the first."""
        remaining = 0.0
        for node, option in reversed(path):
            node.remaining[option] = node.probs[option] * remaining
            remaining = sum(node.remaining)
        self.remaining = remaining

    def _node(self, prefix: tuple[int, ...], memory: LSTMState, position: int) -> TrieNode:
        """Return the node of a decision after a prefix.

        Args:
            prefix: Rows of the embeddings of the start symbol and the choices.
            memory: The LSTM state before the last of them.
            position: Position of the decision.
        """
        key = (*prefix, position)  # values of one bin may activate different decisions
        if key not in self._nodes:
            last = numpy.array(prefix[-1:], dtype=numpy.intp)
            _, _, after, logs = self._state.network.step(self._weights, memory, last, position)
            probs = tuple(numpy.exp(logs[0]).tolist())
            self._nodes[key] = TrieNode(after, probs, list(probs))
        return self._nodes[key]


def rank_rewards(scores: Array, seen: Array) -> Array:
    """Return for each trial the share of the seen trials that do not dominate it.

    Args:
        scores: Scores of n trials, larger is better, -inf for failed ones and NaN for unknown
            scores, which are not compared, shape (n, objectives).
        seen: Finite or unknown scores of the trials to compare with, shape (m, objectives).

    Returns:
        Rewards from 0 to 1, shape (n,).
    """
    no_worse = ((seen[None] >= scores[:, None]) | numpy.isnan(scores[:, None])).all(axis=2)
    better = (seen[None] > scores[:, None]).any(axis=2)
    result: Array = (len(seen) - (no_worse & better).sum(axis=1)) / max(len(seen), 1)
    return result


def compute_advantages(rewards: Array, baseline: float | None) -> tuple[float, Array]:
    """Update the baseline with each reward, then subtract it from that reward.

    Args:
        rewards: Rewards, shape (n,).
        baseline: The baseline before; None to start at the mean of the rewards.

    Returns:
        The baseline after the last reward, and the advantages, shape (n,).
    """
    moved, advantages = float(rewards.mean()) if baseline is None else baseline, list[float]()
    for reward in rewards.tolist():
        moved = DECAY * moved + (1 - DECAY) * reward
        advantages.append(reward - moved)
    return moved, numpy.array(advantages)


def ppo_gradient(ratios: Array, advantages: Array, clip: float) -> Array:
    """Return the gradient of the clipped objective with respect to the log-probabilities.

    Args:
        ratios: Probability ratios of new to old policy, shape (n, decisions).
        advantages: Advantages, shape (n,).
        clip: Clipping range.

    Returns:
        The gradient, shape (n, decisions); zero for clipped ratios.
    """
    far = numpy.where(advantages[:, None] > 0, ratios > 1 + clip, ratios < 1 - clip)
    return numpy.where(far, 0.0, ratios * advantages[:, None])
