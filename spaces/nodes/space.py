"""`Space`: a mapping of values and networks, or a network with constraints."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard, cast

import numpy

from ..decisions.counting import enumerate_choices
from ..decisions.domains import Label
from ..errors import ConstraintError, SpaceError
from ..graph.builder import GraphBuilder
from ..graph.graph import HierarchicalGraph
from ..graph.visitor import SpaceVisitor
from .architecture import Architecture
from .checks import check_name
from .constraints import Constraint, check_buildable, descend
from .node import Node, network_of
from .ranges import Integer, Real
from .search_space import SearchSpace
from .values import Choice, Placeholder, When, evaluate

__all__ = ["Space"]

TRIED = 2000  # draws after which a constraint is considered impossible
RARE = 100  # infeasible draws after which feasible architectures are considered rare
STARTS = 200  # infeasible draws after which smaller architectures are searched for
REMEMBERED = 4096  # cached results of constraints


@dataclass(frozen=True, init=False)
class Space(SearchSpace):
    """A mapping of open values and networks, or a network with constraints.

    Args:
        tree: A dict from names to value nodes, networks and constants; or one network.
        constraints: What architectures must satisfy; usually added by `where` and `limit`.

    Raises:
        SpaceError: The tree is neither of these, or two decisions have the same name.
        ConstraintError: No architecture satisfies the constraints.

    Example:
        >>> import numpy
        >>> from nasbridge.spaces import Choice, Real, Space
        >>> space = Space({"units": Choice([32, 64]), "lr": Real(1e-4, 1e-1, log=True)})
        >>> architecture = space.sample(numpy.random.default_rng(0))
        >>> architecture["units"] in (32, 64)
        True
    """

    tree: Mapping[str, object] | Node
    constraints: tuple[Constraint, ...] = ()

    def __init__(
        self,
        tree: Mapping[str, object] | Node,
        constraints: tuple[Constraint, ...] = (),
    ) -> None:
        object.__setattr__(self, "tree", _checked_tree(tree))
        object.__setattr__(self, "constraints", tuple(constraints))
        object.__setattr__(self, "_answers", {})
        object.__setattr__(self, "_rare", None)
        self.decisions  # noqa: B018  (raises for clashing names)
        if self.constraints:
            object.__setattr__(self, "_rare", self._check_possible())

    def __getstate__(self) -> dict[str, object]:
        kept = {name: self.__dict__[name] for name in ("tree", "constraints", "_rare")}
        return {**kept, "_answers": {}}

    def discover(self, visitor: SpaceVisitor) -> None:
        if isinstance(self.tree, Node):
            self.tree.discover(visitor)
            return
        for name, part in self.tree.items():
            if _is_network(part):
                network_of(visitor, part, name)
            else:
                evaluate(visitor, part, name)

    def resolve(
        self, choices: Mapping[str, Label], compact: bool = False
    ) -> Mapping[str, HierarchicalGraph | object]:
        if isinstance(self.tree, Node):
            return self.tree.resolve(choices, compact)
        parts: dict[str, HierarchicalGraph | object] = {}
        for name, part in self.tree.items():
            visitor = GraphBuilder(choices, compact)
            if _is_network(part):
                parts[name] = visitor.finish(network_of(visitor, part, name))
            else:
                parts[name] = evaluate(visitor, part, name)
        return parts

    @cached_property
    def is_flat(self) -> bool:
        if isinstance(self.tree, Node):
            return False
        return not any(_is_network(part) or _is_nested(part) for part in self.tree.values())

    def is_feasible(self, architecture: Architecture) -> bool:
        if not self.constraints:
            return True
        answers = cast(dict[str, bool], self.__dict__["_answers"])
        known = answers.get(architecture.key)
        if known is None:
            known = all(constraint.is_feasible(architecture) for constraint in self.constraints)
            if len(answers) >= REMEMBERED:
                answers.clear()
            answers[architecture.key] = known
        return known

    @property
    def description(self) -> object:
        return self.tree

    def unconstrained(self) -> SearchSpace:
        return Space(self.tree) if self.constraints else self

    @property
    def baseline(self) -> Architecture | None:
        found = self.tree.baseline if isinstance(self.tree, Node) else None
        return None if found is None else Architecture(self, found.choices)

    @property
    def feasible_start(self) -> Architecture | None:
        choices = cast(Mapping[str, Label] | None, self.__dict__["_rare"])
        return None if choices is None else Architecture(self, choices)

    def _check_possible(self) -> Mapping[str, Label] | None:
        """Return a feasible architecture if such are rare, else None; raise if none is found."""
        whole = self._few()
        if whole:
            if any(map(self.is_feasible, whole)):
                return None
            tried, what = whole, str(len(whole))
        else:
            rng, tried = numpy.random.Generator(numpy.random.Philox(0)), list[Architecture]()
            while len(tried) < TRIED:
                tried.append(Architecture(self, self.moves.sample(rng)))
                if self.is_feasible(tried[-1]):
                    return tried[-1].choices if len(tried) > RARE else None
                found = descend(tried, self.constraints) if len(tried) == STARTS else None
                if found is not None:
                    return found.choices
            what = f"{TRIED} random"
        check_buildable(tried, self.constraints)
        raise ConstraintError(
            f"none of the {what} architectures of the space satisfies "
            f"{' and '.join(map(str, self.constraints))}: relax the constraint, or add smaller "
            "options to the space"
        )

    def _few(self) -> list[Architecture]:
        """List the architectures of a small space; of a larger one, none."""
        if any(math.isinf(decision.domain.size) for decision in self.decisions):
            return []
        few = list(itertools.islice(enumerate_choices(self.decisions), TRIED + 1))
        return [Architecture(self, choices) for choices in few] if len(few) <= TRIED else []


def _checked_tree(tree: object) -> Mapping[str, object] | Node:
    if isinstance(tree, Space):
        raise SpaceError("a Space contains a Space: use one Space for all parts, and constrain it")
    if isinstance(tree, Node):
        return tree
    if not isinstance(tree, Mapping) or not tree:
        raise SpaceError(
            f"a Space needs a dict from names to open values, or a network, not {tree!r}"
        )
    parts = cast(Mapping[str, object], tree)
    for name, part in parts.items():
        if not (_is_value(part) and isinstance(cast(object, name), str) and name):
            check_name(name)  # values may have any name, as in other frameworks
        if isinstance(part, Space):
            raise SpaceError(f"the part {name!r} is a Space: use its parts instead")
        if isinstance(part, Placeholder):
            raise SpaceError(
                f"the part {name!r} is a placeholder, which only cells and scopes define"
            )
    return dict(parts)


def _is_network(part: object) -> TypeGuard[Node]:
    return isinstance(part, Node) and not _is_value(part)


def _is_value(part: object) -> bool:
    return isinstance(part, Integer | Real | When) or (
        isinstance(part, Choice) and not part.structural
    )


def _is_nested(part: object) -> bool:
    if isinstance(part, When):
        return _is_nested(part.value)
    if isinstance(part, Choice):
        return any(isinstance(o, Choice | Integer | Real) for o in part.options.values())
    return isinstance(part, Mapping | list | tuple)


def constrained(space: SearchSpace, constraint: Constraint) -> Space:
    """Return a space with one more constraint."""
    if isinstance(space, Space):
        return Space(space.tree, (*space.constraints, constraint))
    return Space(cast(Node, space), (constraint,))
