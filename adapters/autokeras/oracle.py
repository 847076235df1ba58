# pyright: basic
# AutoKeras and Keras Tuner ship no types.
"""The oracle of AutoKeras' searches: it searches blocks and open hyperparameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, final

from autokeras.graph import Graph
from keras_tuner import HyperParameters

from ...engine.errors import BackendError
from ...engine.identity import document_of
from ...spaces import Architecture, Choice, Integer, Real, SearchSpace, Space, from_json
from ..keras_tuner.extend import (
    ANOTHER_PROJECT,
    NASOracle,
    from_native,
    native_values,
    read_description,
    read_project,
    to_native,
)
from .block import NASBlock
from .space import ProductSpace

__all__ = ["BlockOracle", "blocks_of", "space_in"]

BLOCKS, OTHERS = "blocks", "others"  # in the project's own file


class BlockOracle(NASOracle):
    """Searches the spaces of blocks, and other hyperparameters that are given as open.

    Every other hyperparameter of AutoKeras keeps the given value, or its default. Without a block
    and without an open value, everything that AutoKeras declares is searched, as far as it is
    known: the first trial has the default values.

    Args:
        blocks: The spaces by the names of their blocks.
        others: By name, a `Choice`, an `Integer` or a `Real` to search, or a value.
        **settings: As for `NASOracle`.
    """

    def __init__(
        self, blocks: Mapping[str, SearchSpace], others: Mapping[str, Any], **settings: Any
    ) -> None:
        _check_others(others, blocks)
        searched = {name: part for name, part in others.items() if _is_open(part)}
        given = {name: part for name, part in others.items() if name not in searched}
        opened = Space(searched) if searched else None
        self._blocks, self._others = blocks, others
        space = ProductSpace(blocks, opened) if blocks or searched else None
        super().__init__(space=space, **settings)
        self._proposals.values = BlockValues(space, given)
        self.hyperparameters = to_native(ProductSpace(blocks)) if blocks else HyperParameters()
        for name, part in searched.items():
            _declare(self.hyperparameters, name, part)
        for name, value in given.items():
            self.hyperparameters.Fixed(name, value)

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            BLOCKS: {name: document_of(space) for name, space in self._blocks.items()},
            OTHERS: self._described_others(),
        }

    def check_description(self, stored: Mapping[str, Any], where: str) -> None:
        super().check_description(stored, where)
        before, now = stored.get(OTHERS, {}), self._described_others()
        if before != now:
            raise BackendError(
                f"{where} is of another experiment, with others {before}, not {now}; "
                f"{ANOTHER_PROJECT}"
            )

    def _described_others(self) -> dict[str, Any]:
        return {
            name: {"open": Space({name: part}).to_json()} if _is_open(part) else {"value": part}
            for name, part in self._others.items()
        }


@final
class BlockValues:
    """From AutoKeras' hyperparameters to a space, and from an architecture to their values.

    Args:
        space: The space; None if everything that AutoKeras declares is searched.
        given: The values of hyperparameters that are not searched.
    """

    def __init__(self, space: ProductSpace | None, given: Mapping[str, Any]) -> None:
        self.is_fixed = space is not None
        self._space, self._given = space, given

    def space_of(self, native: HyperParameters) -> SearchSpace | None:
        if self._space is not None:
            return self._space
        opened = _opened(native, self._given)
        return from_native(opened) if opened.space else None

    def watch(self, native: HyperParameters) -> None:
        """Do nothing: AutoKeras declares some names twice, and relies on the first declaration."""

    def of(
        self, architecture: Architecture | None, native: HyperParameters, number: int
    ) -> dict[str, Any]:
        values = self._chosen(architecture) | dict(self._given)
        known = HyperParameters()
        known.values = values
        for hp in native.space:
            if hp.name not in values and known.is_active(hp):
                values[hp.name] = hp.default
        return values

    def _chosen(self, architecture: Architecture | None) -> dict[str, Any]:
        if architecture is None:
            return {}
        if self._space is None:
            return {name: architecture[name] for name in architecture}
        values = dict[str, Any](native_values(self._space, architecture.choices))
        for decision in () if self._space.others is None else self._space.others.decisions:
            values[decision.name] = decision.meaning(values[decision.name])  # not its label
        return values


def blocks_of(graph: Graph) -> dict[str, SearchSpace]:
    """Return the spaces of a model's blocks by their names.

    Args:
        graph: AutoKeras' graph of the model.

    Raises:
        BackendError: Two blocks have the same name.
    """
    spaces: dict[str, SearchSpace] = {}
    for block in graph.blocks:
        if not isinstance(block, NASBlock):
            continue
        if block.name in spaces:
            raise BackendError(
                f"two blocks are called {block.name!r}: give each its own name, as "
                'NASBlock(space, name="first")'
            )
        spaces[str(block.name)] = block.space
    return spaces


def space_in(project: Path) -> SearchSpace | None:
    """Return the space that a project's own file describes; None if it describes none.

    Args:
        project: The directory that holds `oracle.json`.

    Raises:
        BackendError: A space was not stored, because it holds functions.
    """
    stored = read_description(project) or {}
    blocks, others = stored.get(BLOCKS, {}), stored.get(OTHERS, {})
    lost = [name for name, document in blocks.items() if document is None]
    if lost:
        raise BackendError(
            f"the spaces of the blocks {', '.join(lost)} were not saved, because they hold "
            "functions or classes, which JSON cannot represent: read the history of the "
            "AutoModel's tuner"
        )
    spaces = {name: from_json(document) for name, document in blocks.items()}
    searched: dict[str, Any] = {}
    for other in others.values():
        if "open" in other:
            searched |= cast(Any, from_json(other["open"])).tree
    values = {name: other["value"] for name, other in others.items() if "value" in other}
    if spaces or searched:
        return ProductSpace(spaces, Space(searched) if searched else None)
    known = read_project(project).hyperparameters
    if not values or not known.space:
        return None
    return from_native(_opened(known, values))


def _opened(native: HyperParameters, values: Mapping[str, Any]) -> HyperParameters:
    """Return the hyperparameters that remain open, without the conditions that values decide."""
    opened = HyperParameters()
    for hp in native.space:
        asked = [c for c in hp.conditions if c.name in values]
        if hp.name in values or not all(c.is_active(values) for c in asked):
            continue
        kept = type(hp).from_config(hp.get_config())
        kept.conditions = [c for c in hp.conditions if c.name not in values]
        opened.merge([kept], overwrite=False)
    return opened


def _is_open(part: object) -> bool:
    return isinstance(part, Choice | Integer | Real)


def _check_others(others: Mapping[str, Any], blocks: Mapping[str, SearchSpace]) -> None:
    for name, part in others.items():
        options = list(part.options.values()) if isinstance(part, Choice) else [part]
        plain = isinstance(part, Integer | Real) or all(
            isinstance(option, bool | int | float | str) for option in options
        )
        if not plain or len({type(option) for option in options}) > 1:
            raise BackendError(
                f"invalid others={{{name!r}: {part!r}}}: give a Choice of numbers, of strings or "
                "of booleans, an Integer, a Real, or one value"
            )
        if name.split("/")[0] in blocks:
            raise BackendError(
                f"{name!r} in others= belongs to a NASBlock: change the block's space instead"
            )


def _declare(native: HyperParameters, name: str, part: Choice | Integer | Real) -> None:
    """Declare an open hyperparameter with its options, not their labels, for AutoKeras."""
    if not isinstance(part, Choice):
        native.merge(to_native(Space({name: part})), overwrite=False)
        return
    options: list[Any] = list(part.options.values())
    if isinstance(options[0], bool):
        native.Boolean(name, default=options[0])
    else:
        native.Choice(name, options)
