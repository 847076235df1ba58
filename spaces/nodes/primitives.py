"""Operations that are not layers: `Zero`, `Skip`, and the projections of cells."""

from dataclasses import dataclass

from ..graph.graph import Operation
from ..graph.walk import Ref, SpaceVisitor
from .layer import layer
from .node import Node
from .values import check_name

__all__ = ["NORMALIZATION", "Skip", "Zero", "project"]

NORMALIZATION = layer("BatchNormalization", momentum=0.9, epsilon=1e-5)
"""Batch normalization as the papers' networks have it; Keras's own momentum is too slow for
the few epochs of a search."""


@dataclass(frozen=True)
class Zero(Node):
    """No connection: what NAS-Bench-201 and DARTS call `none`.

    Adds nothing to a sum, and what hangs on it alone vanishes with it.
    """

    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def label(self) -> str:
        return self.name or "none"

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        stride = walk.bound("stride", 1, default=1)  # where a whole sum is zero, its size counts
        return walk.emit(Operation("zero", {"stride": stride}), (x,), "zero")


@dataclass(frozen=True)
class Skip(Node):
    """A skip connection in a cell: the identity, or a factorized reduction where it halves.

    DARTS, NASNet and ENAS call it `skip_connect` or `identity`. On the edges that leave the inputs
    of a reduction cell it is ReLU, two 1x1 convolutions of stride 2 whose results are joined, and
    batch normalization.

    References:
        Liu et al. 2019, DARTS, arXiv:1806.09055.
    """

    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def label(self) -> str:
        return self.name or "skip"

    def expand(self, walk: SpaceVisitor, x: Ref) -> Ref:
        if walk.bound("stride", 1, default=1) == 1:
            return walk.emit(Operation("Identity"), (x,), "identity")
        return project(walk, x, "skip", halvings=1)


def project(walk: SpaceVisitor, x: Ref, key: str, halvings: int) -> Ref:
    """Bring data to the width that holds here, and to half its size so many times.

    Args:
        walk: The walk.
        x: What flows in.
        key: What the layers are called.
        halvings: By factorized reductions; without any, by a 1x1 convolution.

    Returns:
        ReLU, the convolution or reductions, and batch normalization of x.
    """
    filters = walk.bound("width", 1)
    x = walk.emit(Operation("ReLU"), (x,), f"{key}_relu")
    for time in range(halvings):
        reduction = Operation("factorized_reduction", {"filters": filters})
        x = walk.emit(reduction, (x,), f"{key}_reduce_{time}")
    if not halvings:
        config = {"filters": filters, "kernel_size": 1, "use_bias": False}
        x = walk.emit(Operation("Conv2D", config), (x,), f"{key}_conv")
    return walk.emit(NORMALIZATION.as_setting(walk), (x,), f"{key}_bn")
