# pyright: basic
# Keras Tuner ships no types.
"""Hyperparameters that refuse a second declaration of one name with another domain."""

import math
import warnings
from collections.abc import Collection
from typing import Any, cast

from keras_tuner import HyperParameters
from keras_tuner.errors import FatalValueError

__all__ = ["check_declarations", "warn_of_stored"]

ROUNDING = 1e-6  # relative; gRPC carries 32-bit floats


def check_declarations(native: HyperParameters, overridden: Collection[str] = ()) -> None:
    """Let hyperparameters raise an error where Keras Tuner would ignore a declaration.

    Keras Tuner returns the value of the first declaration of a name, also if a later one has
    another domain: in the same function, or in a program that was changed before it resumed.

    Args:
        native: The hyperparameters of a trial, which become of a class that checks declarations.
        overridden: Names whose domains the user has given to the oracle; they replace those that
            models declare.
    """
    native.__class__ = _Checked
    cast(_Checked, native).overridden = frozenset(overridden)


def warn_of_stored(native: HyperParameters) -> None:
    """Warn that a project was exhausted before this program has declared anything.

    Args:
        native: The hyperparameters of the project.
    """
    names = ", ".join(map(str, native.space))
    warnings.warn(
        f"all values of the hyperparameters that the project has stored were tried: {names}; what "
        "this program declares was not read, so if that is more, start a new project with another "
        "project_name",
        stacklevel=2,
    )


class _Checked(HyperParameters):
    overridden: frozenset[str] = frozenset()

    def _retrieve(self, hp: Any) -> Any:
        for known in () if hp.name in self.overridden else self._hps.get(hp.name, ()):
            if known.conditions == hp.conditions and not _is_same(_domain(known), _domain(hp)):
                raise FatalValueError(
                    f"the hyperparameter {hp.name!r} is declared as {hp}, and was declared before, "
                    f"in this or an earlier run of the project, as {known}: give it another name, "
                    "or start a new project with another project_name"
                )
        return super()._retrieve(hp)


def _domain(hp: Any) -> dict[str, Any]:
    config = {k: v for k, v in hp.get_config().items() if k not in ("conditions", "default")}
    return {"kind": type(hp).__name__, **config}


def _is_same(one: object, other: object) -> bool:
    """Return whether two parts of domains are the same, except for rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(cast(float, one), cast(float, other), rel_tol=ROUNDING)
    return one == other
