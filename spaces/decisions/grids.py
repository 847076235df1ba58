"""Ranges in steps: real numbers, exact in decimal, and numbers that grow by a factor."""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast, overload

from numpy.random import Generator

from ..errors import SpaceError
from .domains import (
    REAL_STEP,
    IntegerRange,
    Label,
    RealRange,
    is_number,
    scaled,
    unscaled,
)

__all__ = ["GeometricRange", "GridValues", "RealGrid"]

MOST_STEPS = 1e12  # up to here, floating-point numbers find the nearest step
MOST_FACTORS = 100_000
NEAR = 1e-9  # relative difference up to which two numbers are the same: low + k * step is rounded


@dataclass(frozen=True, slots=True)
class RealGrid:
    """The real numbers low, low + step, ... up to high, or the multiples of a step and both bounds.

    Values are computed in decimal, so that the third step of 0.1 is 0.3, not 0.1 * 3.

    Attributes:
        low: Smallest value.
        high: Upper bound; included if a step ends there, or if there is an origin.
        step: Distance between two values, above 0.
        log: Draw log-uniformly; low must be positive.
        origin: Number from which steps are counted, in both directions. Values are then the bounds
            and the steps between them. By default, steps are counted from `low`.
    """

    low: float
    high: float
    step: float
    log: bool = False
    origin: float | None = None
    _start: Fraction = field(init=False, repr=False, compare=False)
    _step: Fraction = field(init=False, repr=False, compare=False)
    _length: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bounds = RealRange(self.low, self.high, self.log)
        for name in ("low", "high"):
            object.__setattr__(self, name, getattr(bounds, name))
        for name in ("step", "origin"):
            value = getattr(self, name)
            if name == "origin" and value is None:
                continue
            if not is_number(value, numbers.Real) or not math.isfinite(value):
                raise SpaceError(f"{name} of a real range is {value!r}: give a finite number")
            object.__setattr__(self, name, float(value))
        if self.step <= 0:
            raise SpaceError(f"step of a real range is {self.step}: give a number above 0")
        largest = max(abs(self.low), abs(self.high))
        if self.low < self.high and (
            largest + self.step == largest or (self.high - self.low) / self.step > MOST_STEPS
        ):
            raise SpaceError(
                f"step={self.step} of the range [{self.low}, {self.high}] is too small for "
                "floating-point numbers: use a larger step, or none"
            )
        self._count_steps()

    def _count_steps(self) -> None:
        """Find the first step, which is at or below the lower bound, and the number of steps."""
        step, low, high = _exact(self.step), _exact(self.low), _exact(self.high)
        start = low
        if self.origin is not None:
            origin = _exact(self.origin)
            start = origin + math.floor((low - origin) / step) * step
        steps = (high - start) / step
        whole = math.floor(steps) if self.origin is None else math.ceil(steps)
        if abs(steps - round(steps)) <= Fraction(NEAR) * max(round(steps), 1):
            whole = round(steps)  # the step itself is rounded, as in 0.1 + 0.2
        for name, value in (("_start", start), ("_step", step), ("_length", whole + 1)):
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        start = "" if self.origin is None else f" counted from {self.origin:g}"
        return f"a number from {self.low:g} to {self.high:g} in steps of {self.step:g}{start}"

    def at(self, position: int) -> float:
        """Return the value at a position, from 0."""
        value = float(self._start + position * self._step)
        if math.isclose(value, self.high, rel_tol=NEAR, abs_tol=NEAR * self.step):
            return self.high
        return min(max(value, self.low), self.high)

    def nearest(self, value: float) -> float:
        """Return the value of the grid that is nearest to a finite number."""
        return self.at(self._nearest(value))

    def _nearest(self, value: float) -> int:
        """Return the position of the nearest value."""
        last = self._length - 1
        position = round((value - float(self._start)) / self.step)
        near = {min(max(position + move, 0), last) for move in (-1, 0, 1)}
        return min(near, key=lambda one: (abs(self.at(one) - value), one))

    @property
    def size(self) -> float:
        return self._length

    @property
    def width(self) -> int:
        return 1

    def check(self, value: object) -> float:
        if is_number(value, numbers.Real) and math.isfinite(cast(float, value)):
            number = float(cast(float, value))
            nearest = self.nearest(number)
            if math.isclose(number, nearest, rel_tol=NEAR, abs_tol=NEAR * self.step):
                return nearest
        raise ValueError(f"{value!r} is not {self}")

    def sample(self, rng: Generator) -> float:
        if not self.log:
            return self.at(int(rng.integers(self._length)))
        # Extend both ends by half a step, so that they get their full probability.
        low, high = max(self.low - 0.5 * self.step, self.low / 2), self.high + 0.5 * self.step
        return self.nearest(unscaled(float(rng.random()), low, high, log=True))

    def mutate(self, value: Label, rng: Generator) -> float:
        moved = RealRange(self.low, self.high, self.log).mutate(value, rng)
        here, there = self._nearest(float(value)), self._nearest(moved)
        if here == there:
            there += 1 if moved >= float(value) else -1
        if not 0 <= there < self._length:
            there = here - (there - here)
        return self.at(there)

    def values(self, points: int | None = None) -> "GridValues":
        return GridValues(self)

    def neighbors(self, value: Label) -> tuple[float, ...]:
        here, last = self._nearest(float(value)), self._length - 1
        position = scaled(float(value), self.low, self.high, self.log)
        ends = (min(max(position + step, 0.0), 1.0) for step in (-REAL_STEP, REAL_STEP))
        near = {self._nearest(unscaled(end, self.low, self.high, self.log)) for end in ends}
        near |= {min(max(here + step, 0), last) for step in (-1, 1)}
        return tuple(self.at(one) for one in sorted(near - {here}))

    def encode(self, value: Label) -> tuple[float, ...]:
        return (scaled(float(value), self.low, self.high, self.log),)


@dataclass(frozen=True, slots=True)
class GeometricRange:
    """The numbers low, low * factor, low * factor**2, ... up to high; each is equally likely.

    Attributes:
        low: Smallest value, above 0.
        high: Upper bound; included only if a step ends there.
        factor: Ratio of two neighboring values, above 1.
        whole: Whether the values are integers; low, high and factor must then be integers.
    """

    low: float
    high: float
    factor: float
    whole: bool = False

    def __post_init__(self) -> None:
        of_kind = IntegerRange if self.whole else RealRange
        bounds = of_kind(cast(int, self.low), cast(int, self.high), log=True)
        for name in ("low", "high"):
            object.__setattr__(self, name, getattr(bounds, name))
        kind, number = (
            (numbers.Integral, "an int") if self.whole else (numbers.Real, "a finite number")
        )
        if not is_number(self.factor, kind) or not 1 < self.factor < math.inf:
            raise SpaceError(f"factor of a range is {self.factor!r}: give {number} above 1")
        object.__setattr__(self, "factor", type(self.low)(self.factor))
        if math.log(self.high / self.low) / math.log(self.factor) > MOST_FACTORS:
            raise SpaceError(
                f"factor={self.factor} of the range [{self.low}, {self.high}] gives more than "
                f"{MOST_FACTORS:,} values: use a larger factor, or log=True without a factor"
            )

    def __str__(self) -> str:
        kind = "an integer" if self.whole else "a number"
        return f"{kind} from {self.low:g} to {self.high:g} in steps of a factor {self.factor:g}"

    @property
    def size(self) -> float:
        steps = math.log(self.high / self.low) / math.log(self.factor)
        return int(steps * (1 + NEAR) + NEAR) + 1

    @property
    def width(self) -> int:
        return 1

    def at(self, position: int) -> float:
        """Return the value at a position, from 0."""
        value = self.low * self.factor**position
        return self.high if math.isclose(value, self.high, rel_tol=NEAR) else value

    def nearest(self, value: float) -> float:
        """Return the value that is nearest to a positive number, in the logarithm."""
        return self.at(self._nearest(value))

    def _nearest(self, value: float) -> int:
        if value <= self.low:
            return 0
        position = round(math.log(value / self.low) / math.log(self.factor))
        return min(position, int(self.size) - 1)

    def check(self, value: object) -> int | float:
        if is_number(value, numbers.Real) and math.isfinite(cast(float, value)):
            nearest = self.nearest(cast(float, value))
            tolerance = 0.0 if self.whole else NEAR
            if math.isclose(cast(float, value), nearest, rel_tol=tolerance):
                return nearest
        raise ValueError(f"{value!r} is not {self}")

    def sample(self, rng: Generator) -> int | float:
        return self.at(int(rng.integers(int(self.size))))

    def mutate(self, value: Label, rng: Generator) -> int | float:
        here = self._nearest(float(value))
        drawn = int(rng.integers(int(self.size) - 1))
        return self.at(drawn + (drawn >= here))

    def values(self, points: int | None = None) -> "GridValues":
        return GridValues(self)

    def neighbors(self, value: Label) -> tuple[int | float, ...]:
        here = self._nearest(float(value))
        return tuple(self.at(k) for k in (here - 1, here + 1) if 0 <= k < self.size)

    def encode(self, value: Label) -> tuple[float, ...]:
        return (scaled(float(value), self.low, self.at(int(self.size) - 1), log=True),)


@dataclass(frozen=True)
class GridValues(Sequence[float]):
    """The values of a range in steps, in order, computed when they are read."""

    grid: RealGrid | GeometricRange

    def __len__(self) -> int:
        return int(self.grid.size)

    @overload
    def __getitem__(self, position: int) -> float: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[float, ...]: ...
    def __getitem__(self, position: int | slice) -> float | tuple[float, ...]:
        if isinstance(position, slice):
            return tuple(self.grid.at(k) for k in range(len(self))[position])
        return self.grid.at(range(len(self))[position])

    def __contains__(self, value: object) -> bool:
        try:
            return self.grid.check(value) == value
        except ValueError:
            return False


def _exact(number: float) -> Fraction:
    """Return a number as it is written in decimal: 0.1 is one tenth."""
    return Fraction(repr(number))
