"""What can be done with every space, from a single layer to a stack of cells."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from ..decisions.counting import count, enumerate_choices
from ..decisions.decisions import Decision, in_order
from ..decisions.domains import Label
from ..decisions.encoding import Encoding
from ..decisions.moves import Moves
from ..errors import InvalidArchitecture, NoFeasible
from ..graph.templates import Templates
from ..graph.walk import DecisionCollector, HierarchicalGraph, SpaceVisitor
from ..hashing import digest, plain_data
from .architecture import Architecture, checked
from .constraints import Constraint, Limit, Where

__all__ = ["SearchSpace"]

TRIES = 1000  # draws until an allowed architecture must have come
STEPS = 100  # of the random walk that is left when draws are in vain


class SearchSpace(ABC):
    """A description of architectures that can be listed, drawn from and moved in."""

    # ------------------------------------------------------------------ what a kind of space says

    @abstractmethod
    def discover(self, walk: SpaceVisitor) -> None:
        """Let a walk see every decision."""

    @abstractmethod
    def resolve(
        self, choices: Mapping[str, Label], compact: bool = False
    ) -> Mapping[str, HierarchicalGraph | object]:
        """Return the parts under the given choices: networks as outlines, values as they are."""

    @abstractmethod
    def is_feasible(self, architecture: Architecture) -> bool:
        """Tell whether an architecture meets the space's constraints."""

    # ------------------------------------------------------------------ decisions

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """All decisions, parents before those that depend on them.

        Raises:
            NameClash: Two different decisions have one name.
        """
        walk = DecisionCollector()
        self.discover(walk)
        return in_order(walk.decisions)

    @cached_property
    def _by_name(self) -> dict[str, Decision]:
        return {decision.name: decision for decision in self.decisions}

    @cached_property
    def moves(self) -> Moves:
        """How its choices are drawn and changed, constraints aside."""
        return Moves(self.decisions)

    @cached_property
    def templates(self) -> Templates:
        """What the sketches of its architectures have in common, as far as they were drawn."""
        return Templates({decision.name: decision.parents for decision in self.decisions})

    def decision(self, name: str) -> Decision:
        """Return a decision by its name.

        Raises:
            InvalidArchitecture: The space has no decision of this name.
        """
        try:
            return self._by_name[name]
        except KeyError:
            close = get_close_matches(str(name), self._by_name, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {list(self._by_name)}"
            raise InvalidArchitecture(f"the space has no decision {name!r}: {hint}") from None

    @cached_property
    def is_flat(self) -> bool:
        """Whether it is a mapping of plain values, where every architecture is its own twin."""
        return False

    @property
    def description(self) -> object:
        """What is described, constraints aside."""
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Short stable hash of the description, constraints aside: decisions and all settings."""
        decisions = [
            [d.name, repr(d.domain), [[[c.decision, c.values] for c in k] for k in d.conditions]]
            for d in self.decisions
        ]
        return digest([decisions, plain_data(self.description)])

    # ------------------------------------------------------------------ architectures

    def architecture(self, values: Mapping[str, object]) -> Architecture:
        """Make an architecture of given values.

        Args:
            values: Name of each active decision to its label, number or option.

        Returns:
            The architecture; constraints are not asked (see `allows`).

        Raises:
            InvalidArchitecture: A value is missing, inactive, unknown or outside its domain.
        """
        return checked(self, values)

    def count(self) -> int | float:
        """Count the architectures exactly, constraints aside; `math.inf` with real decisions."""
        return count(self.decisions)

    def sample(self, rng: Generator) -> Architecture:
        """Draw an allowed architecture, each active decision uniformly from its domain.

        Where the constraints allow so little that draws are in vain, the result is where a random
        walk of changes ends that starts from an architecture known to be allowed.

        Args:
            rng: A numpy generator, as `numpy.random.default_rng(0)`.

        Raises:
            NoFeasible: Nothing that is allowed was found.
        """
        start = self.feasible_start
        if start is None:
            return self._allowed(lambda: self.moves.sample(rng), "a random one")
        here: Mapping[str, Label] = start.choices
        for _ in range(STEPS):
            there = self.moves.mutate(here, rng)
            if there is not None and self.is_feasible(Architecture(self, there)):
                here = there
        return Architecture(self, here)

    @property
    def feasible_start(self) -> Architecture | None:
        """An allowed architecture, where the constraints allow too few to come upon by chance."""
        return None

    def enumerate(self, points: int | None = None) -> Iterator[Architecture]:
        """List all allowed architectures, the last decision changing fastest.

        Args:
            points: How many values of a real decision to take, on a grid.

        Raises:
            SpaceError: A decision is real and `points` is not given.
        """
        for choices in enumerate_choices(self.decisions, points):
            architecture = Architecture(self, choices)
            if self.is_feasible(architecture):
                yield architecture

    def neighbors(self, architecture: Architecture) -> Iterator[Architecture]:
        """List the allowed architectures that differ in one decision.

        Options: all others; integers: one step; reals: a tenth of the range, both ways. Decisions
        that a change makes active take their first value.
        """
        for choices in self.moves.neighbors(architecture.choices):
            near = Architecture(self, choices)
            if self.is_feasible(near):
                yield near

    def mutate(self, architecture: Architecture, rng: Generator) -> Architecture:
        """Change exactly one active decision, drawn uniformly, to another value.

        Decisions that the change makes active are drawn at random. An architecture in which
        nothing can change is returned as it is.

        Args:
            architecture: The parent.
            rng: A numpy generator.

        Raises:
            NoFeasible: None of 1,000 changes was allowed.
        """
        parent = architecture.choices
        if not self.moves.can_change(parent):
            return architecture
        return self._allowed(lambda: self.moves.mutate(parent, rng), "a mutation")

    def crossover(self, one: Architecture, other: Architecture, rng: Generator) -> Architecture:
        """Take each decision from either parent, with equal chance where both have it.

        Args:
            one: A parent.
            other: The other parent.
            rng: A numpy generator.

        Raises:
            NoFeasible: None of 1,000 children was allowed.
        """
        return self._allowed(
            lambda: self.moves.crossover(one.choices, other.choices, rng), "a child"
        )

    def _allowed(self, draw: Callable[[], Mapping[str, Label] | None], what: str) -> Architecture:
        for _ in range(TRIES):
            choices = draw()
            if choices is not None:
                architecture = Architecture(self, choices)
                if self.is_feasible(architecture):
                    return architecture
        raise NoFeasible(
            f"none of {TRIES} draws of {what} meets the constraints: loosen them, or shape the "
            "space so that more of it is allowed"
        )

    # ------------------------------------------------------------------ vectors and documents

    def encode(self, architecture: Architecture) -> NDArray[numpy.float64]:
        """Encode an architecture as numbers from 0 to 1, inactive parts zero.

        Returns:
            A vector, shape (number of `encoding_names`,).
        """
        return self._encoding(architecture.choices)

    @property
    def encoding_names(self) -> tuple[str, ...]:
        """What each entry of `encode` says, as "op=conv3"."""
        return self._encoding.names

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding(self.decisions)

    def to_json(self) -> str:
        """Write the space as JSON; `nasbridge.spaces.from_json` reads it.

        Raises:
            SpaceError: It holds a value or constraint that JSON cannot carry.
        """
        from .documents import to_document

        return json.dumps(to_document(self), allow_nan=False)

    # ------------------------------------------------------------------ constraints

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """What an architecture must meet to be proposed; see `where` and `limit`."""
        return ()

    def unconstrained(self) -> "SearchSpace":
        """Return the space without its constraints; its architectures are the same."""
        return self

    def where(
        self, allowed: Callable[[Architecture], bool], name: str | None = None
    ) -> "SearchSpace":
        """Allow only architectures for which a function says so.

        Args:
            allowed: Takes an architecture, returns whether it may be proposed.
            name: What messages call the constraint; the function's name without one.

        Returns:
            The constrained space.

        Raises:
            ConstraintError: Nothing meets the constraint, or the function fails.

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
        input_shape: tuple[int, ...],
        *,
        parameters: int | None = None,
        flops: int | None = None,
        part: str | None = None,
    ) -> "SearchSpace":
        """Allow only networks up to a size.

        Args:
            input_shape: Shape of one example, as (28, 28, 1).
            parameters: Largest number of parameters, trainable or not.
            flops: Largest number of multiply-additions of one example.
            part: Which network, where a `Space` of a mapping has several.

        Returns:
            The constrained space.

        Raises:
            ConstraintError: Nothing is this small, or no limit is given.
        """
        from .space import constrained

        return constrained(self, Limit(tuple(input_shape), parameters, flops, part))
