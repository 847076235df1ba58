"""The LSTM of the policy, and Adam."""

from typing import Any

import numpy
import pytest
from numpy.typing import NDArray

from nasbridge.strategies.lstm import AdamState, Network, adam_ascent


def conditional_batch(options: tuple[int, ...], sequences: int) -> NDArray[numpy.intp]:
    """Options drawn at random, with about a third of the decisions not active."""
    rng = numpy.random.default_rng(1)
    chosen = rng.integers(0, options, size=(sequences, len(options)))
    return numpy.where(rng.random(chosen.shape) < 1 / 3, -1, chosen)


@pytest.mark.parametrize("entropy", [0.0, 0.7])
def test_the_gradient_agrees_with_finite_differences(entropy: float) -> None:
    network, rng = Network((3, 2, 4, 1, 3), units=5), numpy.random.default_rng(0)
    vector = 5 * network.initial(rng)  # far from the linear regime
    chosen = conditional_batch(network.options, 7)
    factors = rng.standard_normal(chosen.shape)

    def value(point: Any) -> float:
        made = network.forward(point, chosen)
        return float((factors * made.log_probs).sum() + entropy * made.entropies.sum())

    gradient = network.backward(vector, network.forward(vector, chosen), factors, entropy)
    numeric = numpy.zeros(network.size)
    for k in range(network.size):
        there = vector.copy()
        there[k] += 1e-5
        here = vector.copy()
        here[k] -= 1e-5
        numeric[k] = (value(there) - value(here)) / 2e-5
    assert numpy.abs(gradient - numeric).max() < 1e-8
    assert all(part.any() for part in network.weights(gradient))


def test_initial_weights_are_uniform_within_a_tenth() -> None:
    network = Network((3, 2), units=100)
    vector = network.initial(numpy.random.default_rng(0))
    assert vector.shape == (network.size,)
    assert -0.1 <= vector.min() < -0.0999
    assert 0.0999 < vector.max() <= 0.1
    assert sum(part.size for part in network.weights(vector)) == network.size


def test_adam_takes_the_steps_of_its_paper() -> None:
    state = AdamState(numpy.array([1.0]), numpy.zeros(1), numpy.zeros(1))
    state = adam_ascent(state, numpy.array([4.0]), rate=0.1)
    assert state.vector == pytest.approx(1.1)  # the first step equals the rate
    state = adam_ascent(state, numpy.array([-2.0]), rate=0.1)
    mean = (0.9 * 0.4 - 0.2) / (1 - 0.9**2)
    square = (0.999 * 0.016 + 0.004) / (1 - 0.999**2)
    assert state.vector == pytest.approx(1.1 + 0.1 * mean / square**0.5)
