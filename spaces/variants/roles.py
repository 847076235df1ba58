"""Roles: which parts of a model must keep their width, their size or everything."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from .copied import is_copied_with_weights
from .kinds import KERNELS, NORMALIZATIONS, WIDTHS, is_rigid
from .parts import Branches, Part, layers_in, walk
from .reading import ReadModel
from .sizes import changes_size, fixes_size

__all__ = ["Roles", "roles_of"]

Ids = frozenset[int]


@dataclass(frozen=True)
class Roles:
    """Roles of the parts of one model. Sets hold the ids of parts.

    Attributes:
        fixed_width: Layers whose width stays.
        unchanged: Parts that stay as they are.
        width_step: Widths change in multiples of this, so that groups divide them.
        stepped: Layers whose widths change so.
        changing_size: Layers that change the size of the data.
        fixing_size: Layers whose output has one size for inputs of any size.
        has_normalization: Whether any layer normalizes.
    """

    fixed_width: Ids
    unchanged: Ids
    width_step: int
    stepped: Ids
    changing_size: Ids
    fixing_size: Ids
    has_normalization: bool


def roles_of(model: ReadModel) -> Roles:
    """Find the roles of all parts of a model."""
    parts, flows = model
    layers = list(layers_in(parts))
    rigid = max((k for k, one in enumerate(layers) if is_rigid(one)), default=-1)
    shaping, _ = _output_parts(parts, all)
    last, _ = _output_parts(parts, any)
    groups = [
        cast(int, one.config.get("groups", 1)) if one.operation in KERNELS else 1 for one in layers
    ]
    grouped = max((k for k, number in enumerate(groups) if number > 1), default=-1)
    return Roles(
        fixed_width=_ids([*layers[: rigid + 1], *shaping]),
        unchanged=_ids([*last, *_with_copied_weights(parts)]),
        width_step=math.lcm(*groups),
        stepped=_ids(layers[: grouped + 1]),
        changing_size=frozenset(key for key, flow in flows.items() if changes_size(flow)),
        fixing_size=frozenset(key for key, flow in flows.items() if fixes_size(flow)),
        has_normalization=any(one.operation in NORMALIZATIONS for one in layers),
    )


def _ids(parts: Iterable[Part]) -> Ids:
    return frozenset(map(id, parts))


def _with_copied_weights(parts: Sequence[Part]) -> Iterator[Part]:
    """Find the layers that start with the weights of the original, and the parts bound to them.

    Bound are layers between two such layers that have no weights to adapt to a change, such as an
    activation between two frozen layers, and the merges that contain such layers.
    """
    leads_to_copy = False
    for part in reversed(list(walk(parts))):
        if isinstance(part, Branches):
            if any(is_copied_with_weights(one) for one in layers_in([part])):
                yield part
            continue
        learns = part.operation in {*WIDTHS, *KERNELS, *NORMALIZATIONS}
        leads_to_copy = is_copied_with_weights(part) or (leads_to_copy and not learns)
        if leads_to_copy:
            yield part


def _output_parts(
    parts: Sequence[Part], stops: Callable[[Iterable[bool]], bool]
) -> tuple[list[Part], bool]:
    """Find the parts that produce the output, and whether the input passes through to it.

    Args:
        parts: Parts in a row.
        stops: Reduces over branches, with True for each that has a layer with a width, to whether
            the search stops there. With `all`, the source of a shortcut also counts.
    """
    found: list[Part] = []
    for part in reversed(parts):
        found.append(part)
        if isinstance(part, Branches):
            ends = [_output_parts(branch, stops) for branch in part.branches]
            found += [one for inner, _ in ends for one in inner]
            if stops(not passes_through for _, passes_through in ends):
                return found, False
        elif "units" in part.config or "filters" in part.config:
            return found, False
    return found, True
