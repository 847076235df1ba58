"""An ensemble of small neural networks in NumPy, trained in parallel by batched products."""

from dataclasses import dataclass
from itertools import pairwise

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["Ensemble"]

Array = NDArray[numpy.float64]

DECAYS = 0.9, 0.99  # of the moments of Adam
EPSILON = 1e-7  # of Adam


@dataclass(frozen=True)
class Ensemble:
    """Feed-forward networks of one shape, with ReLU.

    Attributes:
        weights: One array per layer, shape (networks, inputs, outputs).
        biases: One array per layer, shape (networks, 1, outputs).
        shift: Mean of the training targets.
        scale: Standard deviation of the training targets.
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
        """Train networks with Adam on the mean absolute error of standardized targets.

        Args:
            inputs: Training inputs, shape (n, features).
            targets: Training targets, shape (n,).
            rng: Draws the initial weights (Glorot uniform) and the order of examples.
            networks: Number of networks.
            layers: Number of hidden layers.
            width: Units per hidden layer.
            epochs: Passes over the data.
            rate: Learning rate.
            batch: Examples per batch.
        """
        sizes = [inputs.shape[1], *[width] * layers, 1]
        parameters: list[Array] = []
        for before, after in pairwise(sizes):
            bound = numpy.sqrt(6 / (before + after))
            parameters.append(rng.uniform(-bound, bound, (networks, before, after)))
            parameters.append(numpy.zeros((networks, 1, after)))
        shift, scale = float(targets.mean()), float(targets.std()) or 1.0
        standardized = (targets - shift) / scale
        adam = _Adam(parameters, rate)
        for _ in range(epochs):
            orders = numpy.array([rng.permutation(len(inputs)) for _ in range(networks)])
            for start in range(0, len(inputs), batch):
                chosen = orders[:, start : start + batch]
                adam.step(_gradients(parameters, inputs[chosen], standardized[chosen]))
        return cls(tuple(parameters[::2]), tuple(parameters[1::2]), shift, scale)

    def predict(self, inputs: Array) -> Array:
        """Return the predictions of all networks, shape (networks, n).

        Args:
            inputs: Shape (n, features).
        """
        parameters = [part for pair in zip(self.weights, self.biases, strict=True) for part in pair]
        stacked = numpy.broadcast_to(inputs, (len(self.weights[0]), *inputs.shape))
        return _forward(parameters, stacked)[-1][:, :, 0] * self.scale + self.shift


def _forward(parameters: list[Array], inputs: Array) -> list[Array]:
    """Return the input and the output of each layer."""
    outputs = [inputs]
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        outputs.append(outputs[-1] @ weight + bias)
        if len(outputs) <= len(parameters) // 2:  # ReLU in all but the last layer
            numpy.maximum(outputs[-1], 0.0, out=outputs[-1])
    return outputs


def _gradients(parameters: list[Array], inputs: Array, targets: Array) -> list[Array]:
    """Return the gradients of each network's mean absolute error, in the order of parameters."""
    outputs = _forward(parameters, inputs)
    back = numpy.sign(outputs[-1] - targets[:, :, None]) / targets.shape[1]
    gradients: list[Array] = []
    for layer in reversed(range(len(parameters) // 2)):
        gradients.append(back.sum(axis=1, keepdims=True))
        gradients.append(outputs[layer].transpose(0, 2, 1) @ back)
        if layer:
            back = (back @ parameters[2 * layer].transpose(0, 2, 1)) * (outputs[layer] > 0)
    return gradients[::-1]


class _Adam:
    """Adam, updating in place; Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.

    The decay rates are those of the code of BANANAS, 0.9 and 0.99, and epsilon is that of Keras.
    """

    def __init__(self, parameters: list[Array], rate: float) -> None:
        self._parameters, self._rate, self._time = parameters, rate, 0
        self._first = [numpy.zeros_like(part) for part in parameters]
        self._second = [numpy.zeros_like(part) for part in parameters]

    def step(self, gradients: list[Array]) -> None:
        self._time += 1
        first_scale = self._rate / (1 - DECAYS[0] ** self._time)
        second_scale = 1 / (1 - DECAYS[1] ** self._time)
        for part, slope, first, second in zip(
            self._parameters, gradients, self._first, self._second, strict=True
        ):
            first += (1 - DECAYS[0]) * (slope - first)
            second += (1 - DECAYS[1]) * (slope**2 - second)
            part -= first_scale * first / (numpy.sqrt(second_scale * second) + EPSILON)
