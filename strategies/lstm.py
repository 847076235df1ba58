"""A long short-term memory over decisions, forward and backward, and Adam.

The network writes an architecture down decision by decision: it reads an embedding of what was
chosen last, and a head of the next decision's own turns its hidden state into logits over the
options there. A decision that is not active is skipped: memory goes on as it is.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, final

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["Adam", "Memory", "Network", "Pass", "Weights", "ascend"]

Array = NDArray[numpy.float64]
Integers = NDArray[numpy.intp]

ABSENT = -1  # the option of a decision that is not active
INITIAL = 0.1  # weights are drawn from U(-0.1, 0.1), as in the paper
DECAY_MEAN, DECAY_SQUARE, TINY = 0.9, 0.999, 1e-8  # of Adam, as its paper has them


class Weights(NamedTuple):
    """The weights, or their gradient: views of one vector.

    Attributes:
        embeddings: Of the beginning and of every option, shape (1 + options, units).
        gates: From input and hidden state to the input, forget and output gates and the
            candidate, shape (2 units, 4 units).
        gate_biases: Shape (4 units,).
        heads: From the hidden state to the logit of every option, shape (options, units).
        head_biases: Shape (options,).
    """

    embeddings: Array
    gates: Array
    gate_biases: Array
    heads: Array
    head_biases: Array


class Memory(NamedTuple):
    """What the network remembers of n sequences.

    Attributes:
        hidden: Shape (n, units).
        cell: Shape (n, units).
    """

    hidden: Array
    cell: Array


class Step(NamedTuple):
    """What the way back needs of one decision, for the n sequences in which it is active.

    Attributes:
        rows: Which sequences these are, shape (n,).
        entered: Which embeddings were read, shape (n,).
        joined: Embedding and hidden state before, shape (n, 2 units).
        gates: After their non-linearities, shape (n, 4 units).
        before: The memory before; only its cell is needed.
        after: The memory after.
        log_probs: Of every option, shape (n, options there).
    """

    rows: Integers
    entered: Integers
    joined: Array
    gates: Array
    before: Memory
    after: Memory
    log_probs: Array


class Pass(NamedTuple):
    """A forward pass.

    Attributes:
        chosen: The option of each decision, `ABSENT` where it is not active.
        log_probs: Of what was chosen given what was chosen before; zero where not active. Shape
            (sequences, decisions), as all three.
        entropies: Of each choice given what was chosen before; zero where not active.
        steps: For the way back, one a decision.
    """

    chosen: Integers
    log_probs: Array
    entropies: Array
    steps: tuple[Step, ...]


def _activate(gates: Array) -> None:
    """Put sigmoids of the three gates and tanh of the candidate in their place."""
    bounded = gates[:, : gates.shape[1] // 4 * 3]
    bounded *= 0.5  # a sigmoid by tanh, which overflows at neither end
    numpy.tanh(gates, out=gates)
    bounded *= 0.5
    bounded += 0.5


def _quarters(gates: Array) -> Array:
    """Return input, forget and output gate and candidate, shape (4, n, units)."""
    return gates.reshape(len(gates), 4, gates.shape[1] // 4).swapaxes(0, 1)


def _log_softmax(logits: Array) -> Array:
    result: Array = logits - numpy.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return result


@final
@dataclass(frozen=True)
class Network:
    """The shape of the network; its weights are given to every method as one vector.

    Args:
        options: Number of options of each decision, each at least 1.
        units: Size of embeddings and memory, at least 1.

    Example:
        >>> import numpy
        >>> network = Network(options=(2, 3), units=4)
        >>> vector = network.initial(numpy.random.default_rng(0))
        >>> chosen = numpy.array([[a, b] for a in range(2) for b in range(3)])
        >>> log_probs = network.forward(vector, chosen).log_probs
        >>> round(float(numpy.exp(log_probs.sum(axis=1)).sum()), 12)
        1.0

    References:
        Hochreiter & Schmidhuber 1997, Long Short-Term Memory, doi:10.1162/neco.1997.9.8.1735.
    """

    options: tuple[int, ...]
    units: int

    @cached_property
    def _firsts(self) -> tuple[int, ...]:
        """The row of each decision's first option among all, and their number at the end."""
        return tuple(accumulate(self.options, initial=0))

    @cached_property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        total, units = self._firsts[-1], self.units
        return (1 + total, units), (2 * units, 4 * units), (4 * units,), (total, units), (total,)

    @cached_property
    def size(self) -> int:
        """Length of the vector of weights."""
        return sum(map(math.prod, self._shapes))

    def weights(self, vector: Array) -> Weights:
        """Return views of a vector, shape (size,)."""
        ends = accumulate(map(math.prod, self._shapes))
        parts = zip(numpy.split(vector, list(ends)[:-1]), self._shapes, strict=True)
        return Weights(*(part.reshape(shape) for part, shape in parts))

    def initial(self, rng: Generator) -> Array:
        """Draw every weight from U(-0.1, 0.1)."""
        return rng.uniform(-INITIAL, INITIAL, self.size)

    def row(self, decision: int, option: int) -> int:
        """Return the row of an option among the embeddings; row 0 is the beginning."""
        return 1 + self._firsts[decision] + option

    def blank(self, sequences: int) -> Memory:
        """Return the memory at the beginning of so many sequences."""
        shape = sequences, self.units
        return Memory(numpy.zeros(shape), numpy.zeros(shape))

    # ------------------------------------------------------------------ forward

    def step(
        self, weights: Weights, memory: Memory, entered: Integers, decision: int
    ) -> tuple[Array, Array, Memory, Array]:
        """Read an embedding and say how likely each option of a decision is.

        Args:
            weights: Views of the vector.
            memory: Of n sequences.
            entered: Rows of the embeddings to be read, shape (n,).
            decision: Position of the decision whose head is asked.

        Returns:
            What entered, the gates, the new memory, and log-probabilities, shape (n, options).
        """
        heads = slice(*self._firsts[decision : decision + 2])
        joined = numpy.concatenate([weights.embeddings[entered], memory.hidden], axis=1)
        gates = joined @ weights.gates + weights.gate_biases
        _activate(gates)
        into, keep, out, candidate = _quarters(gates)
        cell = keep * memory.cell + into * candidate
        hidden = out * numpy.tanh(cell)
        logits = hidden @ weights.heads[heads].T + weights.head_biases[heads]
        return joined, gates, Memory(hidden, cell), _log_softmax(logits)

    def forward(self, vector: Array, chosen: Integers) -> Pass:
        """Return the log-probabilities of sequences, each choice given those before it.

        Args:
            vector: The weights, shape (size,).
            chosen: The option of each decision, -1 where it is not active, shape (sequences,
                decisions).
        """
        weights, memory = self.weights(vector), self.blank(len(chosen))
        last = numpy.zeros(len(chosen), dtype=numpy.intp)
        log_probs, entropies = numpy.zeros(chosen.shape), numpy.zeros(chosen.shape)
        steps: list[Step] = []
        for decision, options in enumerate(chosen.T):
            rows = numpy.flatnonzero(options != ABSENT)
            before = Memory(memory.hidden[rows], memory.cell[rows])
            joined, gates, after, logs = self.step(weights, before, last[rows], decision)
            steps.append(Step(rows, last[rows], joined, gates, before, after, logs))
            log_probs[rows, decision] = logs[numpy.arange(len(rows)), options[rows]]
            entropies[rows, decision] = -(numpy.exp(logs) * logs).sum(axis=1)
            memory.hidden[rows], memory.cell[rows] = after
            last[rows] = self.row(decision, 0) + options[rows]
        return Pass(chosen, log_probs, entropies, tuple(steps))

    # ------------------------------------------------------------------ backward

    def backward(self, vector: Array, made: Pass, factors: Array, entropy: float) -> Array:
        """Return the gradient of sum(factors * log_probs) + entropy * sum(entropies).

        Args:
            vector: The weights of the forward pass, shape (size,).
            made: The forward pass.
            factors: Weight of each log-probability, shape (sequences, decisions).
            entropy: Weight of the entropies.

        Returns:
            The gradient, shape (size,).
        """
        weights, total = self.weights(vector), numpy.zeros(self.size)
        gradient = self.weights(total)
        later = self.blank(len(factors))  # the gradient by the memory, as it flows back
        flown: list[Array] = []
        for decision in reversed(range(len(self.options))):
            step, heads = made.steps[decision], slice(*self._firsts[decision : decision + 2])
            by_logits = _by_logits(
                step.log_probs,
                made.chosen[step.rows, decision],
                factors[step.rows, decision],
                made.entropies[step.rows, decision],
                entropy,
            )
            gradient.heads[heads] = by_logits.T @ step.after.hidden
            gradient.head_biases[heads] = by_logits.sum(axis=0)
            by_hidden = later.hidden[step.rows] + by_logits @ weights.heads[heads]
            by_gates, by_cell = _through_gates(step, by_hidden, later.cell[step.rows])
            by_joined = by_gates @ weights.gates.T
            numpy.add.at(gradient.embeddings, step.entered, by_joined[:, : self.units])
            later.hidden[step.rows], later.cell[step.rows] = by_joined[:, self.units :], by_cell
            flown.append(by_gates)
        every = numpy.concatenate(flown[::-1])
        gradient.gates[...] = numpy.concatenate([step.joined for step in made.steps]).T @ every
        gradient.gate_biases[...] = every.sum(axis=0)
        return total


def _by_logits(
    log_probs: Array, chosen: Integers, factors: Array, entropies: Array, entropy: float
) -> Array:
    """Return the gradient by the logits of one decision, shape (n, options)."""
    probs = numpy.exp(log_probs)
    result = -probs * (factors[:, None] + entropy * (log_probs + entropies[:, None]))
    result[numpy.arange(len(chosen)), chosen] += factors
    return result


def _through_gates(step: Step, by_hidden: Array, by_cell: Array) -> tuple[Array, Array]:
    """Return the gradients by the gates before their non-linearities, and by the cell before."""
    into, keep, out, candidate = _quarters(step.gates)
    squashed = numpy.tanh(step.after.cell)
    by_cell = by_cell + by_hidden * out * (1 - squashed**2)
    parts = [
        by_cell * candidate * into * (1 - into),
        by_cell * step.before.cell * keep * (1 - keep),
        by_hidden * squashed * out * (1 - out),
        by_cell * into * (1 - candidate**2),
    ]
    return numpy.concatenate(parts, axis=1), by_cell * keep


class Adam(NamedTuple):
    """A vector that is being optimised, with what Adam remembers.

    Attributes:
        vector: The vector.
        mean: Moving average of its gradients.
        square: Moving average of their squares.
        steps: Steps taken.
    """

    vector: Array
    mean: Array
    square: Array
    steps: int = 0


def ascend(state: Adam, gradient: Array, rate: float) -> Adam:
    """Go one step up a gradient; what was there before stays as it is.

    Args:
        state: Where we are.
        gradient: The gradient there.
        rate: The learning rate, above 0.

    References:
        Kingma & Ba 2015, Adam: A Method for Stochastic Optimization, arXiv:1412.6980.
    """
    steps = state.steps + 1
    mean = DECAY_MEAN * state.mean + (1 - DECAY_MEAN) * gradient
    square = DECAY_SQUARE * state.square + (1 - DECAY_SQUARE) * gradient**2
    scale = numpy.sqrt(square / (1 - DECAY_SQUARE**steps)) + TINY
    moved = state.vector + rate / (1 - DECAY_MEAN**steps) * mean / scale
    return Adam(moved, mean, square, steps)
