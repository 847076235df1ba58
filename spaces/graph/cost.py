"""The size of a network as numbers; `planning` computes it from a graph."""

from dataclasses import dataclass

__all__ = ["Cost"]


@dataclass(frozen=True, slots=True)
class Cost:
    """The size of a network.

    Attributes:
        parameters: Number of weights, as in `model.count_params()`.
        trainable_parameters: Number of weights that an optimizer updates, without moving averages.
        flops: Multiply-additions of convolutions, dense and recurrent layers for one example. A
            bias counts as one addition per number, as in the FLOPs of NAS-Bench-201.
    """

    parameters: int
    trainable_parameters: int
    flops: int
