# pyright: basic
# Tables are pandas's, which comes with AutoGluon.
"""Encoding a table and its target as arrays for a network."""

import math
from collections.abc import Mapping
from typing import Any, Literal, final

import numpy
from numpy.typing import NDArray

__all__ = ["NUMERIC", "TableEncoder", "TargetEncoder"]

Numeric = Literal["standard", "quantile"]
NUMERIC = ("standard", "quantile")

Array = NDArray[Any]

ONE_HOT = 64  # maximum categories of a column that is encoded as one-hot
POINTS = 256  # quantiles that describe a distribution
FAR = 10.0  # numbers are clipped at this many standard deviations


@final
class TableEncoder:
    """Fits the columns of a table, and encodes such tables as arrays.

    Numbers are standardised ("standard"), or mapped by rank to a bell-shaped distribution
    ("quantile"). A missing number becomes the mean; columns with missing numbers in training get
    an indicator column. Categories become codes from 1, with 0 for missing and new ones, or
    one-hot columns if there are few and `embed` is False.

    Args:
        table: A pandas table with numbers, booleans and categories.
        numeric: "standard" or "quantile".
        embed: Whether categories become codes for an embedding.
    """

    def __init__(self, table: Any, numeric: Numeric = "standard", embed: bool = True) -> None:
        kinds = {name: str(table[name].dtype) for name in table.columns}
        self._numbers = [name for name, kind in kinds.items() if kind not in ("category", "object")]
        self._categories = [name for name in table.columns if name not in self._numbers]
        self._known = {name: _categories(table[name]) for name in self._categories}
        self._one_hot = [
            name for name in self._categories if not embed and len(self._known[name]) <= ONE_HOT
        ]
        self._embedded = [name for name in self._categories if name not in self._one_hot]
        numbers = self._floats(table)
        self._gaps = numpy.flatnonzero(numpy.isnan(numbers).any(axis=0))
        self._scale = _Scale(numbers, numeric)

    @property
    def vocabulary(self) -> int:
        """Number of codes of all embedded columns; 0 without any."""
        return sum(len(self._known[name]) + 1 for name in self._embedded)

    @property
    def embedded(self) -> int:
        """Number of embedded columns."""
        return len(self._embedded)

    @property
    def width(self) -> int:
        """Number of inputs that are not codes."""
        one_hot = sum(len(self._known[name]) + 1 for name in self._one_hot)
        return len(self._numbers) + len(self._gaps) + one_hot

    def arrays(self, table: Any) -> dict[str, Array]:
        """Return "numbers" of shape (rows, `width`) and "codes" of shape (rows, `embedded`)."""
        numbers = self._floats(table)
        parts = [numpy.isnan(numbers[:, self._gaps]), self._scale.scaled(numbers)]
        parts.reverse()
        del numbers  # save memory with large tables
        for name in self._one_hot:
            codes = self._codes(table[name], name)
            parts.append(numpy.arange(len(self._known[name]) + 1) == codes[:, None])
        made: dict[str, Array] = {}
        if self.width:
            made["numbers"] = numpy.concatenate(parts, axis=1, dtype="float32")
        if self._embedded:
            begin = 0
            columns: list[Array] = []
            for name in self._embedded:  # columns share no codes
                columns.append(self._codes(table[name], name) + begin)
                begin += len(self._known[name]) + 1
            made["codes"] = numpy.stack(columns, axis=1).astype("int32")
        return made

    def _floats(self, table: Any) -> Array:
        found = numpy.zeros((len(table), len(self._numbers)))
        for k, name in enumerate(self._numbers):
            found[:, k] = table[name].to_numpy("float64", na_value=numpy.nan)
        found[numpy.isinf(found)] = numpy.nan
        return found

    def _codes(self, column: Any, name: str) -> Array:
        return column.astype("object").map(self._known[name]).fillna(0).to_numpy("int64")


def _categories(column: Any) -> Mapping[Any, int]:
    """Return the code of each category, from 1 in order of appearance."""
    return {value: k for k, value in enumerate(column.dropna().astype("object").unique(), 1)}


@final
class _Scale:
    def __init__(self, numbers: Array, kind: Numeric) -> None:
        self._points: list[Array] | None = [] if kind == "quantile" else None
        self._mean, self._spread = numpy.zeros(numbers.shape[1]), numpy.ones(numbers.shape[1])
        for k, column in enumerate(numbers.T):
            known = column[~numpy.isnan(column)]
            if known.size:
                self._mean[k] = known.mean()
                self._spread[k] = known.std() or 1.0
            if self._points is not None:
                at = numpy.linspace(0, 1, POINTS)
                self._points.append(numpy.quantile(known if known.size else [0.0], at))

    def scaled(self, numbers: Array) -> Array:
        if self._points is None:
            made = numbers - self._mean
            made /= self._spread
        else:
            made = numpy.empty_like(numbers)
            at = numpy.linspace(0, 1, POINTS)
            for k, points in enumerate(self._points):
                # equal numbers get the mean of their ranks
                low = at[numpy.searchsorted(points, numbers[:, k], "left").clip(0, POINTS - 1)]
                high = at[(numpy.searchsorted(points, numbers[:, k], "right") - 1).clip(0)]
                rank = numpy.interp(numbers[:, k], points, at)
                made[:, k] = _normal(numpy.where(high > low, (low + high) / 2, rank))
            made[numpy.isnan(numbers)] = numpy.nan
        return numpy.nan_to_num(made.clip(-FAR, FAR, out=made), copy=False)


def _normal(rank: Array) -> Array:
    """Return quantiles of the logistic distribution of variance 1, close to the normal."""
    rank = rank.clip(1e-4, 1 - 1e-4)
    return numpy.log(rank / (1 - rank)) * (math.sqrt(3) / math.pi)


@final
class TargetEncoder:
    """Encodes the target, and decodes predictions: classes unchanged, numbers standardised.

    Args:
        target: The target from AutoGluon: classes from 0, or numbers.
        problem: "binary", "multiclass" or "regression".
        classes: Number of classes.
    """

    def __init__(self, target: Array, problem: str, classes: int) -> None:
        self._is_number = problem == "regression"
        self.units = 1 if problem in ("binary", "regression") else classes
        self.mean = float(numpy.mean(target)) if self._is_number else 0.0
        spread = float(numpy.std(target)) if self._is_number else 1.0
        self.spread = spread if spread > 0 else 1.0

    @property
    def activation(self) -> str:
        """Activation of the last layer."""
        if self._is_number:
            return "linear"
        return "sigmoid" if self.units == 1 else "softmax"

    @property
    def loss(self) -> str:
        """Loss, by its name in Keras."""
        if self._is_number:
            return "mean_squared_error"
        return "binary_crossentropy" if self.units == 1 else "sparse_categorical_crossentropy"

    def array(self, target: Array) -> Array:
        """Return the target for training."""
        if self.units > 1:
            return target.astype("int32")
        return ((target.astype("float64") - self.mean) / self.spread).astype("float32")[:, None]

    def predictions(self, output: Array) -> Array:
        """Return predictions for AutoGluon, of shape (rows,) or (rows, classes)."""
        return output if self.units > 1 else output[:, 0] * self.spread + self.mean
