"""An ensemble of small neural networks, trained side by side in numpy."""

from dataclasses import dataclass
from itertools import pairwise

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["Ensemble"]

Array = NDArray[numpy.float64]


@dataclass(frozen=True)
class Ensemble:
    """Feed-forward networks with ReLU, all of one shape.

    Attributes:
        weights: One array a layer, shape (networks, inputs, outputs).
        biases: One array a layer, shape (networks, 1, outputs).
        shift: Mean of the targets.
        scale: Standard deviation of the targets.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    shift: float
    scale: float

    @classmethod
    def train(
        cls,
        inputs: Array,
        targets: Array,
        rng: Generator,
        *,
        networks: int = 5,
        layers: int = 10,
        width: int = 20,
        epochs: int = 150,
        rate: float = 0.01,
        batch: int = 32,
    ) -> "Ensemble":
        """Train from different random weights, by Adam on the mean absolute error.

        Args:
            inputs: Shape (n, features).
            targets: Shape (n,).
            rng: Initial weights (Glorot's uniform ones) and the order of the batches.
            networks: How many networks.
            layers: Hidden layers of each.
            width: Units in each hidden layer.
            epochs: Passes through the data.
            rate: Learning rate.
            batch: Examples a step.
        """
        sizes = [inputs.shape[1], *[width] * layers, 1]
        parameters: list[Array] = []
        for before, after in pairwise(sizes):
            bound = numpy.sqrt(6 / (before + after))
            parameters.append(rng.uniform(-bound, bound, (networks, before, after)))
            parameters.append(numpy.zeros((networks, 1, after)))
        shift, scale = float(targets.mean()), float(targets.std()) or 1.0
        wanted = (targets - shift) / scale
        adam = _Adam(parameters, rate)
        for _ in range(epochs):
            orders = numpy.array([rng.permutation(len(inputs)) for _ in range(networks)])
            for start in range(0, len(inputs), batch):
                chosen = orders[:, start : start + batch]
                adam.step(_gradients(parameters, inputs[chosen], wanted[chosen]))
        return cls(tuple(parameters[::2]), tuple(parameters[1::2]), shift, scale)

    def predict(self, inputs: Array) -> Array:
        """Return every network's prediction, shape (networks, n).

        Args:
            inputs: Shape (n, features).
        """
        parameters = [part for pair in zip(self.weights, self.biases, strict=True) for part in pair]
        stacked = numpy.broadcast_to(inputs, (len(self.weights[0]), *inputs.shape))
        return _forward(parameters, stacked)[-1][:, :, 0] * self.scale + self.shift


def _forward(parameters: list[Array], inputs: Array) -> list[Array]:
    """Return the input and what each layer gives."""
    given = [inputs]
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        given.append(given[-1] @ weight + bias)
        if len(given) <= len(parameters) // 2:  # all but the last
            numpy.maximum(given[-1], 0.0, out=given[-1])
    return given


def _gradients(parameters: list[Array], inputs: Array, wanted: Array) -> list[Array]:
    """Return the gradients of the mean absolute error, network by network."""
    given = _forward(parameters, inputs)
    back = numpy.sign(given[-1] - wanted[:, :, None]) / wanted.shape[1]
    gradients: list[Array] = []
    for layer in reversed(range(len(parameters) // 2)):
        gradients.append(back.sum(axis=1, keepdims=True))
        gradients.append(given[layer].transpose(0, 2, 1) @ back)
        if layer:
            back = (back @ parameters[2 * layer].transpose(0, 2, 1)) * (given[layer] > 0)
    return gradients[::-1]


class _Adam:
    """Changes parameters in place; Kingma & Ba 2015, arXiv:1412.6980, algorithm 1."""

    def __init__(self, parameters: list[Array], rate: float) -> None:
        self._parameters, self._rate, self._time = parameters, rate, 0
        self._first = [numpy.zeros_like(part) for part in parameters]
        self._second = [numpy.zeros_like(part) for part in parameters]

    def step(self, gradients: list[Array]) -> None:
        self._time += 1
        rate = self._rate * numpy.sqrt(1 - 0.999**self._time) / (1 - 0.9**self._time)
        for part, slope, first, second in zip(
            self._parameters, gradients, self._first, self._second, strict=True
        ):
            first += 0.1 * (slope - first)
            second += 0.001 * (slope**2 - second)
            part -= rate * first / (numpy.sqrt(second) + 1e-8)
