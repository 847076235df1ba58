# pyright: basic
# AutoGluon ships no types that can be relied on.
"""Conversion between AutoGluon's search spaces and spaces."""

from collections.abc import Mapping
from typing import Any, assert_never, cast, final

import numpy
from autogluon.common import space as native

from ...engine.errors import BackendError
from ...engine.native_options import choice_of, naming_parameter, whole_number
from ...engine.native_values import domain_of, list_values, read_architecture
from ...spaces import (
    Architecture,
    Categorical,
    Choice,
    Decision,
    GeometricRange,
    Integer,
    IntegerRange,
    Real,
    RealGrid,
    RealRange,
    SearchSpace,
    Space,
)

__all__ = [
    "ArchitectureSpace",
    "architecture_from",
    "bare",
    "from_native",
    "native_values",
    "to_native",
]


def bare(architecture: Architecture) -> Architecture:
    """Return an architecture of the space without constraints, which may hold any function.

    AutoGluon pickles models; constraints matter for proposals only.
    """
    return Architecture(architecture.space.unconstrained(), architecture.choices)


@final
class ArchitectureSpace(native.Space):
    """A whole space as one hyperparameter of AutoGluon, whose values are architectures.

    This is how AutoGluon, which has no conditional spaces, holds one. Only `NASSearcher` can
    search it.

    Args:
        space: The space.
        default: The architecture of a model that is not searched; None draws one with seed 0.

    Example:
        >>> from nasbridge import Integer, Space
        >>> from nasbridge.adapters.autogluon import ArchitectureSpace
        >>> ArchitectureSpace(Space({"layers": Integer(3, 3)})).default["layers"]
        3
    """

    def __init__(self, space: SearchSpace, default: Architecture | None = None) -> None:
        self.space = space
        drawn = default or space.sample(numpy.random.default_rng(0))
        self._default = bare(drawn)

    @property
    def default(self) -> Architecture:
        """An architecture of the space."""
        return self._default

    def __deepcopy__(self, memo: object) -> "ArchitectureSpace":
        return self  # AutoGluon copies all hyperparameters before each trial

    def __getstate__(self) -> dict[str, Any]:
        return {"space": self.space.unconstrained(), "_default": self._default}

    def __repr__(self) -> str:
        return f"ArchitectureSpace of {len(self.space.decisions)} decisions"


def to_native(space: SearchSpace) -> dict[str, native.Space]:
    """Return a space as hyperparameters of AutoGluon, one for each decision.

    AutoGluon has no conditions, so every decision is always open, and `architecture_from` ignores
    the values of inactive decisions. Options that are plain values are passed as such, so any
    model of AutoGluon understands them; sub-trees are passed as their labels.

    Args:
        space: Any space.

    Example:
        >>> from nasbridge import Choice, Integer, Space
        >>> from nasbridge.adapters.autogluon import to_native
        >>> to_native(Space({"activation": Choice(["relu", "elu"]), "num_layers": Integer(2, 4)}))
        {'activation': Categorical['relu', 'elu'], 'num_layers': Int: lower=2, upper=4}
    """
    return {decision.name: _native(decision) for decision in space.decisions}


def _native(decision: Decision) -> native.Space:
    match domain_of(decision):
        case Categorical(labels):
            made = native.Categorical(*(decision.meaning(label) for label in labels))
        case IntegerRange(low, step=1) as domain:
            made = native.Int(low, domain.values()[-1])
        case IntegerRange() | RealGrid() | GeometricRange():
            made = native.Categorical(*list_values(decision))
        case RealRange(low, high) if low == high:
            made = native.Categorical(low)
        case RealRange(low, high, log):
            made = native.Real(low, high, log=log)
        case other:
            assert_never(other)
    cast(Any, made).domain = decision.domain  # labels and steps, for `from_native`
    return made


def native_values(
    architecture: Architecture, hyperparameters: Mapping[str, native.Space]
) -> dict[str, Any]:
    """Return a value for every hyperparameter: the architecture's, or its default if inactive."""
    missing = [name for name in architecture if name not in hyperparameters]
    if missing:
        raise BackendError(
            f"the decisions {missing} are not among the open hyperparameters "
            f"{list(hyperparameters)}: give the model {{**to_native(space)}}"
        )
    return {name: architecture.get(name, open_.default) for name, open_ in hyperparameters.items()}


def architecture_from(values: Mapping[str, Any], space: SearchSpace) -> Architecture:
    """Return the architecture in the hyperparameters of a model, proposed by any searcher.

    Args:
        values: Hyperparameters by name; those of inactive decisions and other names are ignored.
        space: The space that `to_native` converted.

    Raises:
        InvalidArchitecture: A value is missing, or outside its decision's domain.

    Example:
        >>> from nasbridge import Choice, Integer, Space
        >>> from nasbridge.adapters.autogluon import architecture_from
        >>> space = Space({"units": Choice([16, 32]), "layers": Integer(1, 4)})
        >>> architecture_from({"units": 32, "layers": 2, "epochs": 9}, space)["units"]
        32
    """
    return read_architecture(values, space)


def from_native(hyperparameters: Mapping[str, Any] | ArchitectureSpace) -> SearchSpace:
    """Return a space for hyperparameters of AutoGluon; fixed ones are left out.

    Args:
        hyperparameters: The hyperparameters of a model, some of them of `autogluon.common.space`.

    Raises:
        BackendError: No hyperparameter is open, or one is of an unknown kind, or has options that
            are open themselves.
    """
    if isinstance(hyperparameters, ArchitectureSpace):
        return hyperparameters.space
    open_ = {k: v for k, v in hyperparameters.items() if isinstance(v, native.Space)}
    if not open_:
        raise BackendError(
            f"no hyperparameter of {list(hyperparameters)} is open: give one as "
            "space.Categorical, Int, Real or Bool of autogluon.common"
        )
    return Space({name: _node(name, given) for name, given in open_.items()})


@naming_parameter
def _node(name: str, given: native.Space) -> Choice | Integer | Real:
    match getattr(given, "domain", None), given:
        case Categorical(labels), native.Categorical():
            return Choice(dict(zip(labels, given.data, strict=True)))
        case IntegerRange(low, high, step, log), _:
            return Integer(low, high, step, log)
        case RealRange(low, high, log), _:
            return Real(low, high, log)
        case RealGrid(low, high, step, log, origin), _:
            return Real(low, high, log, step=step, origin=origin)
        case GeometricRange(low, high, factor, whole), _:
            make: Any = Integer if whole else Real
            return make(low, high, factor=factor)
        case _, native.Categorical():
            if any(map(_is_open, given.data)):
                raise BackendError(
                    f"an option of {name!r} is open itself, which AutoGluon would pass to the "
                    "model as it is: express conditions by an ArchitectureSpace"
                )
            return choice_of(name, given.data)
        case _, native.Int():
            return Integer(whole_number(name, given.lower), whole_number(name, given.upper))
        case _, native.Real():
            return Real(given.lower, given.upper, given.log)
        case _:
            raise BackendError(f"the hyperparameter {name!r} has the unknown type {given!r}")


def _is_open(value: object) -> bool:
    """Return whether a value is a search space of AutoGluon, or contains one."""
    if isinstance(value, Mapping):
        return any(map(_is_open, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_open, value))
    return isinstance(value, native.Space)
