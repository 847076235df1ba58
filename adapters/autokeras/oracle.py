# pyright: basic
# AutoKeras and Keras Tuner ship no types.
"""The oracle of AutoKeras' searches: blocks are searched, the rest stays as it is, or joins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from autokeras.graph import Graph
from keras_tuner import HyperParameters

from ...engine.errors import BackendError
from ...spaces import Choice, Integer, Real, SearchSpace, Space, from_json
from ..keras_tuner.history import document_of
from ..keras_tuner.oracle import NASOracle
from ..keras_tuner.space import from_native, to_native
from ..keras_tuner.trials import NOTE, read_json
from .block import NASBlock
from .space import ProductSpace

__all__ = ["BlockOracle", "blocks_of", "space_in"]

BLOCKS, OTHERS = "blocks", "others"  # in the project's own file


class BlockOracle(NASOracle):
    """Searches the spaces of blocks, and of other hyperparameters those that are given as open.

    Every other hyperparameter of AutoKeras keeps the value that is given, or its default. Without
    a block and without an open value everything that AutoKeras declares is searched, as far as it
    is known: its first trial has the default values.

    Args:
        blocks: The spaces by the names of their blocks.
        others: By name a `Choice`, an `Integer` or a `Real` to search, or a value.
        **settings: As for `NASOracle`.
    """

    def __init__(
        self, blocks: Mapping[str, SearchSpace], others: Mapping[str, Any], **settings: Any
    ) -> None:
        _check_others(others, blocks)
        searched = {name: part for name, part in others.items() if _is_open(part)}
        self._blocks, self._others = blocks, others
        self._open = Space(searched) if searched else None
        self._values = {name: part for name, part in others.items() if name not in searched}
        space = ProductSpace(blocks, self._open) if blocks or searched else None
        super().__init__(space=space, **settings)
        self.hyperparameters = to_native(ProductSpace(blocks)) if blocks else HyperParameters()
        for name, part in searched.items():
            _declare(self.hyperparameters, name, part)
        for name, value in self._values.items():
            self.hyperparameters.Fixed(name, value)

    def completed(self, values: dict[str, Any], number: int) -> dict[str, Any]:
        """Let everything else have the value that was given, or AutoKeras' default."""
        if self._is_fixed and self._open is not None:
            for decision in self._open.decisions:  # AutoKeras wants the option, not its label
                values[decision.name] = decision.meaning(values[decision.name])
        values |= self._values
        known = HyperParameters()
        known.values = values
        for hp in self.hyperparameters.space:
            if hp.name not in values and known.is_active(hp):
                values[hp.name] = hp.default
        return values

    def searched(self) -> HyperParameters:
        return _opened(self.hyperparameters, self._values)

    def description(self) -> dict[str, Any]:
        return {
            **super().description(),
            BLOCKS: {name: document_of(space) for name, space in self._blocks.items()},
            OTHERS: {
                name: {"open": Space({name: part}).to_json()} if _is_open(part) else {"value": part}
                for name, part in self._others.items()
            },
        }


def blocks_of(graph: Graph) -> dict[str, SearchSpace]:
    """Return the spaces of a model's blocks by their names.

    Args:
        graph: AutoKeras' graph of the model.

    Raises:
        BackendError: Two blocks have one name.
    """
    spaces: dict[str, SearchSpace] = {}
    for block in graph.blocks:
        if not isinstance(block, NASBlock):
            continue
        if block.name in spaces:
            raise BackendError(
                f"two blocks are called {block.name!r}: give each a name of its own, as "
                'NASBlock(space, name="first")'
            )
        spaces[str(block.name)] = block.space
    return spaces


def space_in(project: Path) -> SearchSpace | None:
    """Return the space that a project's own file describes; None if it describes none.

    Args:
        project: The directory that holds `oracle.json`.

    Raises:
        BackendError: A space was not saved, for it holds functions.
    """
    noted = read_json(project / f"{NOTE}.json")
    blocks, others = noted.get(BLOCKS, {}), noted.get(OTHERS, {})
    lost = [name for name, document in blocks.items() if document is None]
    if lost:
        raise BackendError(
            f"the spaces of the blocks {', '.join(lost)} were not saved, for they hold functions "
            "or classes, which JSON cannot carry: read the history of the AutoModel's tuner"
        )
    spaces = {name: from_json(document) for name, document in blocks.items()}
    searched: dict[str, Any] = {}
    for told in others.values():
        if "open" in told:
            searched |= cast(Any, from_json(told["open"])).tree
    values = {name: told["value"] for name, told in others.items() if "value" in told}
    if spaces or searched:
        return ProductSpace(spaces, Space(searched) if searched else None)
    known = read_json(project / "oracle.json").get("hyperparameters")
    if not values or known is None:
        return None
    return from_native(_opened(HyperParameters.from_config(dict(known)), values))


def _opened(native: HyperParameters, values: Mapping[str, Any]) -> HyperParameters:
    """Return what is open when some values are given, the conditions that these settle left out."""
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
                f"others={{{name!r}: {part!r}}} will not do: give a Choice of numbers, of texts or "
                "of booleans, an Integer, a Real, or one value"
            )
        if name.split("/")[0] in blocks:
            raise BackendError(
                f"{name!r} in others= belongs to a NASBlock: what is open there, its space says"
            )


def _declare(native: HyperParameters, name: str, part: Choice | Integer | Real) -> None:
    """Declare an open value with its options, not their labels: AutoKeras computes with them."""
    if not isinstance(part, Choice):
        native.merge(to_native(Space({name: part})), overwrite=False)
        return
    options: list[Any] = list(part.options.values())
    if isinstance(options[0], bool):
        native.Boolean(name, default=options[0])
    else:
        native.Choice(name, options)
