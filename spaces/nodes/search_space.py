"""`SearchSpace`: the operations of every space, from a single layer to a stack of cells."""

import json
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from ..decisions.counting import count, enumerate_choices
from ..decisions.domains import Label
from ..decisions.encoding import Encoding
from ..errors import NoFeasible
from ..graph.graph import InputShape
from ..graph.operations import layers_in
from .architecture import Architecture, checked
from .constraints import Constraint, Limit, Where
from .decision_space import DecisionSpace

__all__ = ["SearchSpace"]

TRIES = 1000  # draws after which no feasible architecture is assumed
STEPS = 100  # length of the random walk that replaces draws if few architectures are feasible


class SearchSpace(DecisionSpace):
    """A space of architectures: it lists, samples, mutates, validates and encodes them.

    Subclasses implement `discover`, `resolve` and `is_feasible`.

    Attributes:
        constraints: What architectures must satisfy to be proposed; see `where` and `limit`.
    """

    constraints: tuple[Constraint, ...] = ()

    @abstractmethod
    def is_feasible(self, architecture: Architecture) -> bool:
        """Return whether an architecture satisfies the space's constraints."""

    def architecture(self, values: Mapping[str, object]) -> Architecture:
        """Return the architecture with the given values.

        Args:
            values: Label, number or option of each active decision, by name.

        Returns:
            The architecture; it may violate constraints (see `is_feasible`).

        Raises:
            InvalidArchitecture: A value is missing, inactive, unknown or outside its domain.
        """
        return checked(self, values)

    def count(self) -> int | float:
        """Count the architectures exactly, without constraints; `math.inf` with real decisions."""
        return count(self.decisions)

    def sample(self, rng: Generator) -> Architecture:
        """Draw a feasible architecture, each active decision uniformly from its domain.

        If too few architectures are feasible for rejection sampling, the result is the end of a
        random walk of mutations from a known feasible architecture.

        Args:
            rng: A numpy generator, such as `numpy.random.default_rng(0)`.

        Raises:
            NoFeasible: No feasible architecture was found.
        """
        start = self.feasible_start
        if start is None:
            return self._feasible(lambda: self.moves.sample(rng), "a random one")
        here: Mapping[str, Label] = start.choices
        for _ in range(STEPS):
            there = self.moves.mutate(here, rng)
            if there is not None and self.is_feasible(Architecture(self, there)):
                here = there
        return Architecture(self, here)

    @property
    def baseline(self) -> Architecture | None:
        """The architecture that a search proposes first, such as an existing model; or None."""
        return None

    @property
    def feasible_start(self) -> Architecture | None:
        """A feasible architecture if too few are feasible for rejection sampling, else None."""
        return None

    def enumerate(self, points: int | None = None) -> Iterator[Architecture]:
        """List all feasible architectures, the last decision changing fastest.

        Args:
            points: Number of values of a real decision, on a grid.

        Raises:
            SpaceError: A decision is real and `points` is not given.
        """
        for choices in enumerate_choices(self.decisions, points):
            architecture = Architecture(self, choices)
            if self.is_feasible(architecture):
                yield architecture

    def neighbors(self, architecture: Architecture) -> Iterator[Architecture]:
        """List the feasible architectures that differ in one decision.

        Neighbors of an option are all other options; of an integer, one step up or down; of a real
        number, a tenth of the range up or down. Decisions that become active get their first value.

        Args:
            architecture: An architecture of the space.
        """
        for choices in self.moves.neighbors(architecture.choices):
            near = Architecture(self, choices)
            if self.is_feasible(near):
                yield near

    def mutate(self, architecture: Architecture, rng: Generator) -> Architecture:
        """Change exactly one active decision, drawn uniformly, to another value.

        Decisions that become active are drawn at random. An architecture without alternatives is
        returned unchanged.

        Args:
            architecture: The parent.
            rng: A numpy generator.

        Raises:
            NoFeasible: None of 1,000 mutations was feasible.
        """
        return self._mutated(architecture, lambda parent: self.moves.mutate(parent, rng))

    def mutate_each(self, architecture: Architecture, rng: Generator) -> Architecture:
        """Change each of n active decisions with probability 1 / n, and at least one of them.

        Decisions that become active are drawn at random. An architecture without alternatives is
        returned unchanged.

        Args:
            architecture: The parent.
            rng: A numpy generator.

        Raises:
            NoFeasible: None of 1,000 mutations was feasible.
        """
        return self._mutated(architecture, lambda parent: self.moves.mutate_each(parent, rng))

    def _mutated(
        self,
        architecture: Architecture,
        change: Callable[[Mapping[str, Label]], Mapping[str, Label] | None],
    ) -> Architecture:
        """Return the first feasible result of a change, or the parent if it has no alternative."""
        parent = architecture.choices
        if not self.moves.can_change(parent):
            return architecture
        return self._feasible(lambda: change(parent), "a mutation")

    def crossover(self, one: Architecture, other: Architecture, rng: Generator) -> Architecture:
        """Take each decision from a parent that has it, each with equal probability.

        Args:
            one: A parent.
            other: The other parent.
            rng: A numpy generator.

        Raises:
            NoFeasible: None of 1,000 children was feasible.
        """
        return self._feasible(
            lambda: self.moves.crossover(one.choices, other.choices, rng), "a child"
        )

    def _feasible(self, draw: Callable[[], Mapping[str, Label] | None], what: str) -> Architecture:
        for _ in range(TRIES):
            choices = draw()
            if choices is not None:
                architecture = Architecture(self, choices)
                if self.is_feasible(architecture):
                    return architecture
        raise NoFeasible(
            f"none of {TRIES} draws of {what} satisfies the constraints: relax them, or change the "
            "space so that more of its architectures satisfy them"
        )

    def encode(self, architecture: Architecture) -> NDArray[numpy.float64]:
        """Encode an architecture as numbers from 0 to 1; inactive decisions are 0.

        Args:
            architecture: An architecture of the space.

        Returns:
            A vector, shape (number of `encoding_names`,).
        """
        return self._encoding(architecture.choices)

    @property
    def encoding_names(self) -> tuple[str, ...]:
        """The name of each entry of `encode`, such as "op=conv3"."""
        return self._encoding.names

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding(self.decisions)

    def to_json(self) -> str:
        """Return the space as JSON; `nasbridge.spaces.from_json` reads it.

        Raises:
            SpaceError: A value or constraint cannot be written as JSON.
        """
        from .documents import to_document

        return json.dumps(to_document(self), allow_nan=False)

    def unconstrained(self) -> "SearchSpace":
        """Return the space without its constraints; its decisions are the same."""
        return self

    def where(
        self, allowed: Callable[[Architecture], bool], name: str | None = None
    ) -> "SearchSpace":
        """Add a constraint given as a function.

        Args:
            allowed: Returns whether an architecture may be proposed.
            name: Name of the constraint in messages; by default, the function's name.

        Returns:
            The constrained space.

        Raises:
            ConstraintError: No architecture satisfies the constraint, or the function fails.

        Example:
            >>> from nasbridge.spaces import Integer, Space
            >>> space = Space({"a": Integer(1, 3), "b": Integer(1, 3)})
            >>> len(list(space.where(lambda x: x["a"] + x["b"] < 4).enumerate()))
            3
        """
        from .space import constrained

        called = str(getattr(allowed, "__name__", "where")) if name is None else name
        return constrained(self, Where(allowed, called))

    def limit(
        self,
        input_shape: InputShape,
        *,
        parameters: int | None = None,
        flops: int | None = None,
        part: str | None = None,
    ) -> "SearchSpace":
        """Add a constraint on the size of the network.

        Args:
            input_shape: Shape of one example without the batch axis, such as (28, 28, 1); of a
                network with named inputs, by their names.
            parameters: Largest number of parameters, trainable or not.
            flops: Largest number of multiply-additions for one example.
            part: Name of the network, if a `Space` of a mapping contains several.

        Returns:
            The constrained space.

        Raises:
            ConstraintError: No architecture is small enough, or no limit is given.
            UnknownLayer: Keras does not know a layer of the space, or a setting, as far as that is
                known without importing Keras.
        """
        from ..planning.rules import has_rule
        from .space import constrained

        names = (operation for operation, _ in layers_in(self, part))
        if "keras" in sys.modules or not all(map(has_rule, names)):
            from ..keras import check_layers

            check_layers(self, part)
        return constrained(self, Limit(input_shape, parameters, flops, part))
