"""Parts that are not single layers: `Pass`, `Zero`, `Skip` and projections."""

from dataclasses import dataclass

from ..graph.graph import Operation
from ..graph.visitor import Ref, Refs, SpaceVisitor
from .checks import check_name
from .layer import layer
from .node import Node, one

__all__ = ["NORMALIZATION", "Pass", "Skip", "Zero", "project"]

NORMALIZATION = layer("BatchNormalization", momentum=0.9, epsilon=1e-5)
"""Batch normalization with the settings of the papers. The default momentum of Keras adapts too
slowly for the few epochs of a search."""


@dataclass(frozen=True)
class Pass(Node):
    """Passes its input on; unlike `layer("Identity")`, it adds no layer.

    Args:
        name: Restarts the path of the decisions inside.

    Example:
        >>> from nasbridge.spaces import Choice, Pass, layer
        >>> space = Choice({"batch": layer("BatchNormalization"), "none": Pass()})
        >>> len(space.architecture({"choice": "none"}).build((4,)).layers)  # the input
        1
    """

    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        return x


@dataclass(frozen=True)
class Zero(Node):
    """No connection, called `none` in NAS-Bench-201 and DARTS.

    It adds nothing to a sum; operations that depend on it alone are removed with it.

    Args:
        name: Restarts the path of the decisions inside.
    """

    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def label(self) -> str:
        return self.name or "none"

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        x = one(visitor, x)
        stride = visitor.bound("stride", 1, default=1)  # determines the size if a whole sum is zero
        return visitor.emit(Operation("zero", {"stride": stride}), (x,), "zero")


@dataclass(frozen=True)
class Skip(Node):
    """A skip connection in a cell: the identity, or a factorized reduction at stride 2.

    DARTS, NASNet and ENAS call it `skip_connect` or `identity`. On the edges from the inputs of a
    reduction cell it is ReLU, two 1x1 convolutions of stride 2 whose results are concatenated, and
    batch normalization.

    Args:
        name: Restarts the path of the decisions inside.

    References:
        Liu et al. 2019, DARTS, arXiv:1806.09055.
    """

    name: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def label(self) -> str:
        return self.name or "skip"

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        x = one(visitor, x)
        if visitor.bound("stride", 1, default=1) == 1:
            return visitor.emit(Operation("Identity"), (x,), "identity")
        return project(visitor, x, "skip", halvings=1)


def project(visitor: SpaceVisitor, x: Ref, key: str, halvings: int) -> Ref:
    """Project data to the bound width: ReLU, 1x1 convolution and batch normalization.

    Args:
        visitor: The traversal.
        x: What flows in.
        key: Prefix of the layers' keys.
        halvings: How often to halve the size, by factorized reductions instead of the convolution.
    """
    filters = visitor.bound("width", 1)
    x = visitor.emit(Operation("ReLU"), (x,), f"{key}_relu")
    for time in range(halvings):
        reduction = Operation("factorized_reduction", {"filters": filters})
        x = visitor.emit(reduction, (x,), f"{key}_reduce_{time}")
    if not halvings:
        config = {"filters": filters, "kernel_size": 1, "use_bias": False}
        x = visitor.emit(Operation("Conv2D", config), (x,), f"{key}_conv")
    return visitor.emit(NORMALIZATION.as_setting(visitor), (x,), f"{key}_bn")
