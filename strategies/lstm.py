"""An autoregressive LSTM over decisions in NumPy, with its gradient, and Adam.

The network generates an architecture decision by decision. In each step it reads the embedding of
the previous choice, and a separate linear head for each decision turns the hidden state into logits
over its options. Inactive decisions are skipped and leave the LSTM state unchanged.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, final

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["AdamState", "LSTMState", "Network", "ForwardPass", "Weights", "adam_ascent"]

Array = NDArray[numpy.float64]
Integers = NDArray[numpy.intp]

INACTIVE = -1  # stands for the option of an inactive decision
INITIAL_BOUND = 0.1  # weights are drawn from U(-0.1, 0.1), as in the paper
DECAY_MEAN, DECAY_SQUARE, EPSILON = 0.9, 0.999, 1e-8  # of Adam, defaults of the paper


class Weights(NamedTuple):
    """Views of a vector of weights, or of their gradient.

    Attributes:
        embeddings: The embeddings of the start symbol and of every option, shape
            (1 + options, units).
        gates: Maps input and hidden state to the input, forget and output gates and the candidate,
            shape (2 units, 4 units).
        gate_biases: Shape (4 units,).
        heads: Map the hidden state to the logit of every option, shape (options, units).
        head_biases: Shape (options,).
    """

    embeddings: Array
    gates: Array
    gate_biases: Array
    heads: Array
    head_biases: Array


class LSTMState(NamedTuple):
    """The recurrent state for n sequences.

    Attributes:
        hidden: Hidden state, shape (n, units).
        cell: Cell state, shape (n, units).
    """

    hidden: Array
    cell: Array


class StepCache(NamedTuple):
    """Values of one decision for backpropagation, for the n sequences in which it is active.

    Attributes:
        rows: The sequences, shape (n,).
        token_rows: The rows of the embeddings that were read, shape (n,).
        joined: Embedding and previous hidden state, shape (n, 2 units).
        gates: Gates after their activations, shape (n, 4 units).
        before: The previous state, of which only the cell is used.
        after: The next state.
        log_probs: Log-probabilities of the options of the decision, shape (n, options).
    """

    rows: Integers
    token_rows: Integers
    joined: Array
    gates: Array
    before: LSTMState
    after: LSTMState
    log_probs: Array


class ForwardPass(NamedTuple):
    """The result of a forward pass. The arrays have the shape (sequences, decisions).

    Attributes:
        chosen: The option of each decision, `INACTIVE` for inactive ones.
        log_probs: Log-probability of each choice given the previous choices; 0 if inactive.
        entropies: Entropy of each choice given the previous choices; 0 if inactive.
        steps: Values for backpropagation, one per decision.
    """

    chosen: Integers
    log_probs: Array
    entropies: Array
    steps: tuple[StepCache, ...]


def _activate(gates: Array) -> None:
    """Apply the sigmoid to the three gates and tanh to the candidate, in place."""
    bounded = gates[:, : gates.shape[1] // 4 * 3]
    bounded *= 0.5  # sigmoid(x) = (1 + tanh(x / 2)) / 2 does not overflow
    numpy.tanh(gates, out=gates)
    bounded *= 0.5
    bounded += 0.5


def _split_gates(gates: Array) -> Array:
    """Return input gate, forget gate, output gate and candidate, shape (4, n, units)."""
    return gates.reshape(len(gates), 4, gates.shape[1] // 4).swapaxes(0, 1)


def _log_softmax(logits: Array) -> Array:
    result: Array = logits - numpy.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return result


@final
@dataclass(frozen=True)
class Network:
    """The architecture of the LSTM; its weights are passed to every method as one vector.

    Args:
        options: Number of options of each decision, each at least 1.
        units: Size of embeddings, hidden state and cell state, at least 1.

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
        """The offset of each decision's options among all options, and their total number."""
        return tuple(accumulate(self.options, initial=0))

    @cached_property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        total, units = self._firsts[-1], self.units
        return (1 + total, units), (2 * units, 4 * units), (4 * units,), (total, units), (total,)

    @cached_property
    def size(self) -> int:
        """Length of the weight vector."""
        return sum(map(math.prod, self._shapes))

    def weights(self, vector: Array) -> Weights:
        """Return the views of a weight vector, shape (size,)."""
        ends = accumulate(map(math.prod, self._shapes))
        parts = zip(numpy.split(vector, list(ends)[:-1]), self._shapes, strict=True)
        return Weights(*(part.reshape(shape) for part, shape in parts))

    def initial(self, rng: Generator) -> Array:
        """Return initial weights, uniform on [-0.1, 0.1], shape (size,)."""
        return rng.uniform(-INITIAL_BOUND, INITIAL_BOUND, self.size)

    def embedding_row(self, decision: int, option: int) -> int:
        """Return the row of an option's embedding; row 0 is the start symbol."""
        return 1 + self._firsts[decision] + option

    def initial_state(self, sequences: int) -> LSTMState:
        """Return the zero state for a number of sequences."""
        shape = sequences, self.units
        return LSTMState(numpy.zeros(shape), numpy.zeros(shape))

    def step(
        self, weights: Weights, memory: LSTMState, token_rows: Integers, decision: int
    ) -> tuple[Array, Array, LSTMState, Array]:
        """Advance n sequences by one decision.

        Args:
            weights: The weights.
            memory: The state of the n sequences.
            token_rows: Rows of the embeddings to read, shape (n,).
            decision: Position of the decision whose head is applied.

        Returns:
            Joined embedding and hidden state, gates, next state, and log-probabilities of the
            options, shape (n, options).
        """
        heads = slice(*self._firsts[decision : decision + 2])
        joined = numpy.concatenate([weights.embeddings[token_rows], memory.hidden], axis=1)
        gates = joined @ weights.gates + weights.gate_biases
        _activate(gates)
        into, keep, out, candidate = _split_gates(gates)
        cell = keep * memory.cell + into * candidate
        hidden = out * numpy.tanh(cell)
        logits = hidden @ weights.heads[heads].T + weights.head_biases[heads]
        return joined, gates, LSTMState(hidden, cell), _log_softmax(logits)

    def forward(self, vector: Array, chosen: Integers) -> ForwardPass:
        """Return the conditional log-probabilities of given choices.

        Args:
            vector: The weights, shape (size,).
            chosen: The option of each decision, -1 for inactive ones, shape (sequences,
                decisions).
        """
        weights, memory = self.weights(vector), self.initial_state(len(chosen))
        last = numpy.zeros(len(chosen), dtype=numpy.intp)
        log_probs, entropies = numpy.zeros(chosen.shape), numpy.zeros(chosen.shape)
        steps: list[StepCache] = []
        for decision, options in enumerate(chosen.T):
            rows = numpy.flatnonzero(options != INACTIVE)
            before = LSTMState(memory.hidden[rows], memory.cell[rows])
            joined, gates, after, logs = self.step(weights, before, last[rows], decision)
            steps.append(StepCache(rows, last[rows], joined, gates, before, after, logs))
            log_probs[rows, decision] = logs[numpy.arange(len(rows)), options[rows]]
            entropies[rows, decision] = -(numpy.exp(logs) * logs).sum(axis=1)
            memory.hidden[rows], memory.cell[rows] = after
            last[rows] = self.embedding_row(decision, 0) + options[rows]
        return ForwardPass(chosen, log_probs, entropies, tuple(steps))

    def backward(self, vector: Array, result: ForwardPass, factors: Array, entropy: float) -> Array:
        """Return the gradient of sum(factors * log_probs) + entropy * sum(entropies).

        Args:
            vector: The weights of the forward pass, shape (size,).
            result: The forward pass.
            factors: Weight of each log-probability, shape (sequences, decisions).
            entropy: Weight of the entropies.

        Returns:
            The gradient, shape (size,).
        """
        weights, total = self.weights(vector), numpy.zeros(self.size)
        gradient = self.weights(total)
        by_state = self.initial_state(len(factors))  # gradient with respect to the next state
        gate_gradients: list[Array] = []
        for decision in reversed(range(len(self.options))):
            step, heads = result.steps[decision], slice(*self._firsts[decision : decision + 2])
            by_logits = _logit_gradient(
                step.log_probs,
                result.chosen[step.rows, decision],
                factors[step.rows, decision],
                result.entropies[step.rows, decision],
                entropy,
            )
            gradient.heads[heads] = by_logits.T @ step.after.hidden
            gradient.head_biases[heads] = by_logits.sum(axis=0)
            by_hidden = by_state.hidden[step.rows] + by_logits @ weights.heads[heads]
            by_gates, by_cell = _gate_gradients(step, by_hidden, by_state.cell[step.rows])
            by_joined = by_gates @ weights.gates.T
            numpy.add.at(gradient.embeddings, step.token_rows, by_joined[:, : self.units])
            by_state.hidden[step.rows] = by_joined[:, self.units :]
            by_state.cell[step.rows] = by_cell
            gate_gradients.append(by_gates)
        every = numpy.concatenate(gate_gradients[::-1])
        gradient.gates[...] = numpy.concatenate([step.joined for step in result.steps]).T @ every
        gradient.gate_biases[...] = every.sum(axis=0)
        return total


def _logit_gradient(
    log_probs: Array, chosen: Integers, factors: Array, entropies: Array, entropy: float
) -> Array:
    """Return the gradient with respect to the logits of one decision, shape (n, options)."""
    probs = numpy.exp(log_probs)
    result = -probs * (factors[:, None] + entropy * (log_probs + entropies[:, None]))
    result[numpy.arange(len(chosen)), chosen] += factors
    return result


def _gate_gradients(step: StepCache, by_hidden: Array, by_cell: Array) -> tuple[Array, Array]:
    """Return the gradients with respect to the gates before activation, and the previous cell."""
    into, keep, out, candidate = _split_gates(step.gates)
    squashed = numpy.tanh(step.after.cell)
    by_cell = by_cell + by_hidden * out * (1 - squashed**2)
    parts = [
        by_cell * candidate * into * (1 - into),
        by_cell * step.before.cell * keep * (1 - keep),
        by_hidden * squashed * out * (1 - out),
        by_cell * into * (1 - candidate**2),
    ]
    return numpy.concatenate(parts, axis=1), by_cell * keep


class AdamState(NamedTuple):
    """Parameters with the optimizer state of Adam.

    Attributes:
        vector: The parameters.
        mean: Moving average of the gradients.
        square: Moving average of the squared gradients.
        steps: Number of steps.
    """

    vector: Array
    mean: Array
    square: Array
    steps: int = 0


def adam_ascent(state: AdamState, gradient: Array, rate: float) -> AdamState:
    """Return the state after one step of gradient ascent by Adam.

    Args:
        state: The state before; it is not modified.
        gradient: The gradient at `state.vector`, of the same shape.
        rate: Learning rate, above 0.

    References:
        Kingma & Ba 2015, Adam: A Method for Stochastic Optimization, arXiv:1412.6980.
    """
    steps = state.steps + 1
    mean = DECAY_MEAN * state.mean + (1 - DECAY_MEAN) * gradient
    square = DECAY_SQUARE * state.square + (1 - DECAY_SQUARE) * gradient**2
    scale = numpy.sqrt(square / (1 - DECAY_SQUARE**steps)) + EPSILON
    moved = state.vector + rate / (1 - DECAY_MEAN**steps) * mean / scale
    return AdamState(moved, mean, square, steps)
