# pyright: basic
# Keras Tuner ships no types.
"""Which space hyperparameters form, and which values a trial has for an architecture."""

from typing import Any, Protocol, final

from keras_tuner import HyperParameters

from ...engine.evaluation import trial_seed
from ...spaces import Architecture, SearchSpace
from .declarations import check_declarations
from .space import draw_others, from_native, native_values

__all__ = ["FixedSpace", "GrowingSpace", "Values"]


class Values(Protocol):
    """From hyperparameters to a space, and from an architecture to values.

    Attributes:
        is_fixed: Whether the space is known before the search.
    """

    is_fixed: bool

    def space_of(self, native: HyperParameters) -> SearchSpace | None:
        """Return the space; None as long as nothing is known of it."""
        ...

    def watch(self, native: HyperParameters) -> None:
        """Check what a trial will declare; see `check_declarations`."""
        ...

    def of(
        self, architecture: Architecture | None, native: HyperParameters, number: int
    ) -> dict[str, Any]:
        """Return the values of a trial.

        Args:
            architecture: The architecture; None as long as the space is unknown.
            native: All hyperparameters.
            number: The trial's number.
        """
        ...


@final
class GrowingSpace:
    """The space consists of the hyperparameters that models have declared so far.

    Args:
        given: Hyperparameters that the user has given, which override what models declare.
    """

    is_fixed = False

    def __init__(self, given: HyperParameters | None = None) -> None:
        self._given = frozenset(() if given is None else (hp.name for hp in given.space))

    def watch(self, native: HyperParameters) -> None:
        check_declarations(native, self._given)

    def space_of(self, native: HyperParameters) -> SearchSpace | None:
        return from_native(native) if native.space else None

    def of(
        self, architecture: Architecture | None, native: HyperParameters, number: int
    ) -> dict[str, Any]:
        return {} if architecture is None else {name: architecture[name] for name in architecture}


@final
class FixedSpace:
    """The space is given; other hyperparameters are drawn at random.

    Args:
        space: The space.
        seed: Seed of the search.
    """

    is_fixed = True
    watch = staticmethod(check_declarations)

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space, self._seed = space, seed

    def space_of(self, native: HyperParameters) -> SearchSpace | None:
        return self._space

    def of(
        self, architecture: Architecture | None, native: HyperParameters, number: int
    ) -> dict[str, Any]:
        assert architecture is not None
        values = dict[str, Any](native_values(self._space, architecture.choices))
        draw_others(native, values, self._space, trial_seed(self._seed, number))
        return values
