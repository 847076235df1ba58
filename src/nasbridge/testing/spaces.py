"""Search spaces of the conformance suite.

They are functions at module top level, so that worker processes can import them.
"""

from collections.abc import Callable, Mapping

from ..spaces import Cell, Chain, Choice, Integer, Real, Repeat, SearchSpace, Space, Zero, layer

__all__ = ["SPACES", "cell", "chain", "few", "flat"]


def flat() -> Space:
    """Return a space of plain values: two categorical, one integer, two real.

    Example:
        >>> [decision.name for decision in flat().decisions]
        ['width', 'kernel', 'layers', 'rate', 'dropout']
    """
    return Space(
        {
            "width": Choice([16, 32, 64, 128]),
            "kernel": Choice([(3, 3), (5, 5)]),
            "layers": Integer(1, 6),
            "rate": Real(1e-4, 1e-1, log=True),
            "dropout": Real(0.2, 0.6, step=0.1),
        }
    )


def chain() -> Chain:
    """Return a convolutional network of variable depth, with conditional decisions."""
    convolution = layer("Conv2D", filters=8, kernel_size=Choice([1, 3, 5]), padding="same")
    pooling = layer("MaxPooling2D", pool_size=3, strides=1, padding="same")
    operation = Choice({"conv": convolution, "pool": pooling, "skip": layer("Identity")}, name="op")
    return Chain(
        layer("Conv2D", filters=Choice([8, 16, 32], name="width"), kernel_size=3, padding="same"),
        Repeat(operation, times=Integer(1, 3, name="depth")),
        layer("GlobalAveragePooling2D"),
        layer("Dense", units=10),
    )


def cell() -> Chain:
    """Return a network around one cell, in which many architectures are equivalent."""
    operations = {
        "conv1": layer("Conv2D", filters=8, kernel_size=1, padding="same"),
        "conv3": layer("Conv2D", filters=8, kernel_size=3, padding="same"),
        "skip": layer("Identity"),
        "none": Zero(),
    }
    return Chain(Cell(operations, nodes=3), layer("GlobalAveragePooling2D"))


def few() -> Chain:
    """Return a space of 14 architectures, some equivalent, which a run can exhaust."""
    operation = Choice({"relu": layer("ReLU"), "skip": layer("Identity")}, name="op")
    return Chain(Repeat(operation, times=Integer(1, 3, name="depth")), layer("Dense", units=2))


SPACES: Mapping[str, Callable[[], SearchSpace]] = {"cell": cell, "chain": chain, "flat": flat}
"""The spaces that every backend searches, by name."""
