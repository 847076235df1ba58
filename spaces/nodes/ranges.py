"""Value nodes of open numbers: `Integer` and `Real`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from ..decisions.domains import Domain, IntegerRange, RealRange
from ..decisions.grids import GeometricRange, RealGrid
from ..errors import SpaceError
from ..hashing import LATER
from .checks import check_name

__all__ = ["Integer", "Real"]


@dataclass(frozen=True)
class Integer:
    """An open integer.

    Args:
        low: Smallest value.
        high: Upper bound; included only if a step ends there.
        step: Distance between two values, at least 1.
        log: Whether to draw log-uniformly.
        name: Name of the decision; by default, its path in the tree.
        shared: Whether all repetitions have one decision in common.
        factor: Ratio of two neighboring values, above 1, instead of a step. All values are equally
            likely.

    Raises:
        SpaceError: The range is empty, or a bound is not an integer.

    Example:
        >>> from nasbridge.spaces import Integer, Space
        >>> Space({"layers": Integer(1, 4)}).count()
        4
        >>> [a["filters"] for a in Space({"filters": Integer(16, 128, factor=2)}).enumerate()]
        [16, 32, 64, 128]
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    name: str | None = None
    shared: bool = False
    factor: int | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        check_name(self.name, self.shared)
        if self.factor is not None and self.step != 1:
            raise SpaceError(
                f"step={self.step} and factor={self.factor} of an Integer exclude each other: "
                "give one of them"
            )
        _convert(self, self.domain)

    @property
    def domain(self) -> IntegerRange | GeometricRange:
        """The values to choose from."""
        if self.factor is not None:
            return GeometricRange(self.low, self.high, self.factor, whole=True)
        return IntegerRange(self.low, self.high, self.step, self.log)

    @property
    def options(self) -> Sequence[object]:
        """The values of a range with a factor, for `Decision.options`."""
        return () if self.factor is None else self.domain.values()


@dataclass(frozen=True)
class Real:
    """An open real number.

    Args:
        low: Smallest value.
        high: Largest value; with a step, the upper bound, included if a step ends there.
        log: Whether to draw log-uniformly.
        name: Name of the decision; by default, its path in the tree.
        shared: Whether all repetitions have one decision in common.
        step: Distance between two values, above 0; by default, every number is a value. Steps are
            exact in decimal: the third step of 0.1 is 0.3.
        origin: Number from which the steps are counted; both bounds are then values, too. By
            default, steps are counted from `low`.
        factor: Ratio of two neighboring values, above 1, instead of a step. All values are equally
            likely.

    Raises:
        SpaceError: The range is empty, or a bound or the step is not a valid number.

    Example:
        >>> from nasbridge.spaces import Real, Space
        >>> Space({"learning_rate": Real(1e-4, 1e-1, log=True)}).count()
        inf
        >>> [a["dropout"] for a in Space({"dropout": Real(0, 0.3, step=0.1)}).enumerate()]
        [0.0, 0.1, 0.2, 0.3]
    """

    low: float
    high: float
    log: bool = False
    name: str | None = None
    shared: bool = False
    step: float | None = field(default=None, metadata=LATER)
    origin: float | None = field(default=None, metadata=LATER)
    factor: float | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        check_name(self.name, self.shared)
        if self.step is None and self.origin is not None:
            raise SpaceError(f"origin={self.origin} of a Real needs a step: give step as well")
        if self.step is not None and self.factor is not None:
            raise SpaceError(
                f"step={self.step} and factor={self.factor} of a Real exclude each other: give one "
                "of them"
            )
        _convert(self, self.domain)

    @property
    def domain(self) -> RealRange | RealGrid | GeometricRange:
        """The values to choose from."""
        if self.factor is not None:
            return GeometricRange(self.low, self.high, self.factor)
        if self.step is None:
            return RealRange(self.low, self.high, self.log)
        return RealGrid(self.low, self.high, self.step, self.log, self.origin)

    @property
    def options(self) -> Sequence[object]:
        """The values of a range in steps, for `Decision.options`."""
        domain = self.domain
        return () if isinstance(domain, RealRange) else domain.values()


def _convert(node: Integer | Real, domain: Domain) -> None:
    """Take the numbers of the domain, which are plain Python numbers."""
    for number in fields(node):
        if getattr(node, number.name) is not None and hasattr(domain, number.name):
            object.__setattr__(node, number.name, getattr(domain, number.name))
