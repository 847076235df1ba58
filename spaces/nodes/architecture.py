"""`Architecture`: one value for each active decision of a space."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, final

from ..decisions.decisions import Decision
from ..decisions.domains import Label
from ..errors import InvalidArchitecture, SpaceError
from ..graph.canonical import canonical_form
from ..graph.cost import Cost
from ..graph.graph import Graph, HierarchicalGraph, InputShape, Operation
from ..hashing import digest
from .decision_space import DecisionSpace

__all__ = ["Architecture"]


@final
class Architecture(Mapping[str, Any]):
    """One architecture of a space: an immutable, hashable mapping.

    It maps the names of the active decisions to the chosen options, such as
    `architecture["kernel"] == (3, 3)`. Use `space.architecture(values)` to create one: it checks
    the values, whereas the constructor does not.

    Args:
        space: The space that it belongs to.
        choices: Label or number of each active decision, in the space's order.

    Example:
        >>> from nasbridge.spaces import Choice, Space
        >>> space = Space({"units": Choice([32, 64])})
        >>> architecture = space.architecture({"units": 64})
        >>> architecture["units"], architecture.choices["units"]
        (64, '64')
    """

    def __init__(self, space: DecisionSpace, choices: Mapping[str, Label]) -> None:
        self._space = space
        self._choices = dict(choices)

    @property
    def space(self) -> DecisionSpace:
        """The space that it belongs to."""
        return self._space

    @property
    def choices(self) -> Mapping[str, Label]:
        """The label or number of each active decision, as frameworks receive them."""
        return MappingProxyType(self._choices)

    def __getitem__(self, name: str) -> Any:
        if name in self._choices:
            return self._space.decision(name).meaning(self._choices[name])
        decision = self._space.decision(name)
        raise KeyError(f"{name!r} is not active in this architecture: it needs {_needs(decision)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._choices)

    def __len__(self) -> int:
        return len(self._choices)

    def __contains__(self, name: object) -> bool:
        return name in self._choices

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        return self._choices == other._choices and (
            self._space is other._space or self._space.fingerprint == other._space.fingerprint
        )

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(frozenset(self._choices.items()))

    def __getstate__(self) -> dict[str, object]:
        return {k: v for k, v in self.__dict__.items() if k != "_hash"}  # differs between processes

    def __copy__(self) -> "Architecture":
        return self  # immutable

    def __deepcopy__(self, memo: object) -> "Architecture":
        return self

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={label!r}" for name, label in self._choices.items())
        return f"Architecture({inside})"

    def to_json(self) -> str:
        """Return the choices as canonical JSON: sorted keys, no spaces."""
        return json.dumps(self._choices, sort_keys=True, separators=(",", ":"))

    @cached_property
    def key(self) -> str:
        """Short stable hash of the choices, 16 hexadecimal digits."""
        return digest(self._choices)

    @cached_property
    def canonical(self) -> str:
        """Hash of the function that it computes; equal for equivalent architectures."""
        if self._space.is_flat:
            return self.key
        parts = self._space.resolve(self._choices, compact=True)
        return digest(
            [
                [name, canonical_form(part) if isinstance(part, HierarchicalGraph) else part]
                for name, part in parts.items()
            ]
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The values of a `Space` of a mapping, with nested choices resolved.

        Example:
            >>> from nasbridge.spaces import Choice, Real, Space
            >>> space = Space({"decay": Choice({"off": 0.0, "on": Real(0.1, 0.1)})})
            >>> space.architecture({"decay": "on", "decay.on": 0.1}).settings
            {'decay': 0.1}
        """
        parts = self._space.resolve(self._choices)
        return {
            name: part for name, part in parts.items() if not isinstance(part, HierarchicalGraph)
        }

    def hierarchical_graph(self, part: str | None = None) -> HierarchicalGraph:
        """Return the graph with each distinct cell as a subgraph, for drawing and comparison.

        Args:
            part: Name of the network, if a `Space` of a mapping contains several.

        Raises:
            SpaceError: The space contains no network, or `part` does not select one of several.
        """
        return self._network(part, compact=True)

    def graph(self, part: str | None = None) -> Graph:
        """Return the complete graph, as it is built.

        Args:
            part: Name of the network, if a `Space` of a mapping contains several.

        Raises:
            SpaceError: The space contains no network, or `part` does not select one of several.
        """
        return self._network(part, compact=False).graph

    def _network(self, part: str | None, compact: bool) -> HierarchicalGraph:
        parts = self._space.resolve(self._choices, compact)
        networks = {name: net for name, net in parts.items() if isinstance(net, HierarchicalGraph)}
        if not networks:
            raise SpaceError(
                "this space contains values only, no network: read them with "
                'architecture["name"] and build the model yourself'
            )
        if part is None and len(networks) == 1:
            return next(iter(networks.values()))
        if part not in networks:
            raise SpaceError(
                f"part={part!r} is not a network of this space: use one of {sorted(networks)}"
            )
        return networks[part]

    def cost(self, input_shape: InputShape, part: str | None = None) -> Cost:
        """Count parameters and multiply-additions without building the network.

        Args:
            input_shape: Shape of one example without the batch axis, such as (32, 32, 3); of a
                network with named inputs, by their names.
            part: Name of the network, if a `Space` of a mapping contains several.

        Returns:
            The cost: `parameters`, `trainable_parameters`, and `flops` (multiply-additions for one
            example).

        Raises:
            BuildError: The network cannot be built for this input.
            MissingExtra: A layer is known to Keras only, and Keras is not installed.
        """
        from ..planning.cost import cost
        from ..planning.shapes import Measure, Shape

        def infer(operation: Operation, shapes: Sequence[Shape], path: str) -> Measure:
            from ..keras import infer_with_keras

            return infer_with_keras(operation, shapes, path)

        return cost(self.graph(part), input_shape, infer)

    def build(
        self,
        input_shape: InputShape,
        part: str | None = None,
        name: str | None = None,
    ) -> Any:
        """Build a `keras.Model` with the active Keras backend.

        Args:
            input_shape: Shape of one example without the batch axis, such as (32, 32, 3); of a
                network with named inputs, by their names.
            part: Name of the network, if a `Space` of a mapping contains several.
            name: Name of the model.

        Returns:
            A functional `keras.Model` with new weights, not compiled.

        Raises:
            BuildError: The network cannot be built for this input.
            MissingExtra: Keras is not installed.
        """
        from ..keras import build

        return build(self.graph(part), input_shape, name=name or f"architecture_{self.key}")

    def draw(self, path: str | Path | None = None, part: str | None = None) -> str:
        """Draw the architecture as SVG or PNG.

        Args:
            path: File to write; its suffix determines the format. None writes no file.
            part: Name of the network, if a `Space` of a mapping contains several.

        Returns:
            The picture as SVG text.

        Raises:
            SpaceError: The suffix of the path is neither .svg nor .png.
            MissingExtra: The path is a PNG file and matplotlib is not installed.
        """
        from ..draw import draw

        return draw(self.hierarchical_graph(part), path)


def checked(space: DecisionSpace, values: Mapping[str, object]) -> Architecture:
    """Return an architecture of unchecked values.

    Raises:
        InvalidArchitecture: A value is missing, inactive, unknown or outside its domain.
    """
    if not isinstance(cast(object, values), Mapping):
        raise InvalidArchitecture(
            f"an architecture needs a dict from decisions to values, not {values!r}"
        )
    if isinstance(values, Architecture):
        values = values.choices
    choices: dict[str, Label] = {}
    for decision in space.decisions:
        if not decision.is_active(choices):
            continue
        if decision.name not in values:
            raise InvalidArchitecture(
                f"the decision {decision.name!r} is missing: give {decision.domain}"
            )
        value = values[decision.name]
        try:
            choices[decision.name] = decision.domain.check(decision.label_of(value))
        except ValueError as error:
            raise InvalidArchitecture(
                f"the decision {decision.name!r} cannot be {value!r}: it is {decision.domain}"
            ) from error
    for name in values:
        if name not in choices:
            raise InvalidArchitecture(
                f"the decision {name!r} is not active here: omit it, or choose "
                f"{_needs(space.decision(name))}"
            )
    return Architecture(space, choices)


def _needs(decision: Decision) -> str:
    """Return the conditions of a decision as text."""
    return " or ".join(" and ".join(map(str, c)) for c in decision.conditions)
