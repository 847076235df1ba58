"""Domains: the values that a decision can take, as labels or numbers."""

import math
import numbers
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, SupportsFloat, cast

from numpy.random import Generator

from ..errors import SpaceError

__all__ = [
    "REAL_SPREAD",
    "REAL_STEP",
    "Categorical",
    "Domain",
    "IntegerRange",
    "Label",
    "RealRange",
    "is_number",
    "scaled",
    "unscaled",
]

Label = str | int | float
"""A value in the form that frameworks receive: a string label or a plain Python number."""

REAL_STEP = 0.1  # distance of a real's neighbors, as a share of the scaled range
REAL_SPREAD = 0.2  # standard deviation of a real's mutation, as a share of the scaled range
LARGEST = 2**53  # bound of integers: up to here every JSON reader is exact
MOST = 1e300  # bound of reals, so that the length of a range is finite


class Domain(Protocol):
    """Operations of every domain; values are passed as `Label`."""

    @property
    def size(self) -> float:
        """Number of values; `math.inf` for reals."""
        ...

    @property
    def width(self) -> int:
        """Number of entries of an encoded value."""
        ...

    def check(self, value: object) -> Label:
        """Return the value as a plain label or number, or raise `ValueError`."""
        ...

    def sample(self, rng: Generator) -> Label:
        """Draw a value uniformly, or log-uniformly if the domain is logarithmic."""
        ...

    def mutate(self, value: Label, rng: Generator) -> Label:
        """Draw a value other than the given one."""
        ...

    def values(self, points: int | None = None) -> Sequence[Label]:
        """List all values in order; a real range lists `points` values on a grid."""
        ...

    def neighbors(self, value: Label) -> tuple[Label, ...]:
        """List the values one step away."""
        ...

    def encode(self, value: Label) -> tuple[float, ...]:
        """Encode a value as numbers from 0 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class Categorical:
    """Unordered options with labels.

    Attributes:
        labels: Distinct strings, at least one.
    """

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.labels:
            raise SpaceError("a choice has no options: add at least one")
        for label in self.labels:
            if not isinstance(cast(object, label), str) or not label:
                raise SpaceError(f"the label {label!r} of a choice is not a non-empty string")
        label, times = Counter(self.labels).most_common(1)[0]
        if times > 1:
            raise SpaceError(
                f"two options of a choice have the label {label!r}: "
                "give the options as a dict with distinct keys"
            )

    def __str__(self) -> str:
        return "one of " + ", ".join(map(repr, self.labels))

    @property
    def size(self) -> float:
        return len(self.labels)

    @property
    def width(self) -> int:
        return len(self.labels)

    def check(self, value: object) -> str:
        if isinstance(value, str) and value in self.labels:
            return str(value)
        raise ValueError(f"{value!r} is not {self}")

    def sample(self, rng: Generator) -> str:
        return self.labels[int(rng.integers(len(self.labels)))]

    def mutate(self, value: Label, rng: Generator) -> str:
        here = self.labels.index(str(value))
        drawn = int(rng.integers(len(self.labels) - 1))
        return self.labels[drawn + (drawn >= here)]

    def values(self, points: int | None = None) -> Sequence[str]:
        return self.labels

    def neighbors(self, value: Label) -> tuple[str, ...]:
        return tuple(label for label in self.labels if label != value)

    def encode(self, value: Label) -> tuple[float, ...]:
        return tuple(float(label == value) for label in self.labels)


def is_number(value: object, kind: type) -> bool:
    """Return whether a value is a number of the given kind and not a bool."""
    return isinstance(value, kind) and not isinstance(value, bool)


def scaled(value: float, low: float, high: float, log: bool) -> float:
    """Return the position of a value in a range, from 0 to 1."""
    if high == low:
        return 0.0
    if log and math.log(low) < math.log(high):
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)


def unscaled(position: float, low: float, high: float, log: bool) -> float:
    """Return the value at a position of a range, from 0 to 1."""
    if position in (0, 1):  # exact at both ends
        return high if position else low
    if log:
        value = math.exp(math.log(low) + (math.log(high) - math.log(low)) * position)
    else:
        value = low + (high - low) * position
    return min(max(value, low), high)


def _check_range(low: float, high: float, log: bool) -> None:
    if low > high:
        raise SpaceError(f"the range [{low}, {high}] is empty: swap low={low} and high={high}")
    if log and low <= 0:
        raise SpaceError(
            f"a logarithmic range must start above 0, not at {low}: raise low, or omit log"
        )


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """The integers low, low + step, ... up to high.

    Attributes:
        low: Smallest value.
        high: Upper bound; included only if a step ends there.
        step: Distance between two values, at least 1.
        log: Draw log-uniformly; low must be positive.
    """

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if not is_number(value, numbers.Integral):
                raise SpaceError(f"{name} of an integer range is {value!r}: give an int")
            if abs(int(value)) > LARGEST:
                raise SpaceError(
                    f"{name} of an integer range exceeds 2**53, up to which every JSON reader is "
                    "exact: use a smaller one, or a Real"
                )
            object.__setattr__(self, name, int(value))
        _check_range(self.low, self.high, self.log)
        if self.step < 1:
            raise SpaceError(f"step of an integer range is {self.step}: give at least 1")

    def __str__(self) -> str:
        step = f" in steps of {self.step}" if self.step > 1 else ""
        return f"an integer from {self.low} to {self.high}{step}"

    @property
    def _range(self) -> range:
        return range(self.low, self.high + 1, self.step)

    @property
    def size(self) -> float:
        return len(self._range)

    @property
    def width(self) -> int:
        return 1

    def check(self, value: object) -> int:
        if is_number(value, numbers.Integral) and int(cast(int, value)) in self._range:
            return int(cast(int, value))
        raise ValueError(f"{value!r} is not {self}")

    def sample(self, rng: Generator) -> int:
        if not self.log:
            return self._range[int(rng.integers(len(self._range)))]
        # Extend both ends by half a step, so that they get their full probability.
        low, high = self.low - 0.5 * self.step, self._range[-1] + 0.5 * self.step
        low = max(low, self.low / 2)
        return self._nearest(unscaled(float(rng.random()), low, high, log=True))

    def _nearest(self, value: float) -> int:
        position = round((value - self.low) / self.step)
        return self._range[min(max(position, 0), len(self._range) - 1)]

    def mutate(self, value: Label, rng: Generator) -> int:
        here = self._range.index(int(value))
        drawn = int(rng.integers(len(self._range) - 1))
        return self._range[drawn + (drawn >= here)]

    def values(self, points: int | None = None) -> Sequence[int]:
        return self._range

    def neighbors(self, value: Label) -> tuple[int, ...]:
        here = int(value)
        return tuple(near for near in (here - self.step, here + self.step) if near in self._range)

    def encode(self, value: Label) -> tuple[float, ...]:
        return (scaled(float(value), self.low, self._range[-1], self.log),)


def _finite(value: SupportsFloat, name: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or abs(number) > MOST:
        raise SpaceError(
            f"{name} of a real range is {number}: give a finite number, at most {MOST:g} in size"
        )
    return number


@dataclass(frozen=True, slots=True)
class RealRange:
    """The real numbers from low to high.

    Attributes:
        low: Smallest value.
        high: Largest value.
        log: Draw log-uniformly; low must be positive.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = getattr(self, name)
            if not is_number(value, numbers.Real):
                raise SpaceError(f"{name} of a real range is {value!r}: give a number")
            object.__setattr__(self, name, _finite(value, name))
        _check_range(self.low, self.high, self.log)

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"

    @property
    def size(self) -> float:
        return 1 if self.low == self.high else math.inf

    @property
    def width(self) -> int:
        return 1

    def check(self, value: object) -> float:
        if is_number(value, numbers.Real) and self.low <= float(cast(float, value)) <= self.high:
            return float(cast(float, value))
        raise ValueError(f"{value!r} is not {self}")

    def sample(self, rng: Generator) -> float:
        return unscaled(float(rng.random()), self.low, self.high, self.log)

    def mutate(self, value: Label, rng: Generator) -> float:
        position = scaled(float(value), self.low, self.high, self.log)
        moved = position + REAL_SPREAD * float(rng.standard_normal())
        moved = abs(moved) % 2  # reflected at both ends: clipping would favor the ends
        other = unscaled(min(moved, 2 - moved), self.low, self.high, self.log)
        if other == value:  # the range has few floating-point numbers
            return self.high if value == self.low else self.low
        return other

    def values(self, points: int | None = None) -> Sequence[float]:
        if self.low == self.high:
            return (self.low,)
        if points is None:
            raise SpaceError(
                f"{self} cannot be listed completely: give the number of grid points, as points=5"
            )
        if points < 1:
            raise SpaceError(f"points={points!r} is invalid: give at least 1")
        steps = max(points - 1, 1)
        return tuple(unscaled(k / steps, self.low, self.high, self.log) for k in range(points))

    def neighbors(self, value: Label) -> tuple[float, ...]:
        position = scaled(float(value), self.low, self.high, self.log)
        moved = {min(max(position + step, 0.0), 1.0) for step in (-REAL_STEP, REAL_STEP)}
        near = (unscaled(spot, self.low, self.high, self.log) for spot in sorted(moved))
        return tuple(spot for spot in near if spot != value)

    def encode(self, value: Label) -> tuple[float, ...]:
        return (scaled(float(value), self.low, self.high, self.log),)
