"""Roles: which parts of a model must keep their width, their size or everything."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from ..nodes.layer import Layer
from .copied import is_copied_with_weights
from .kinds import ADAPTIVE_MERGES, KERNELS, NORMALIZATIONS, WIDTHS, is_rigid
from .parts import Branches, Part, Wired, layers_in, walk
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
    parts, flows = model.parts, model.flows
    layers = list(layers_in(parts))
    rigid, ending = _determining(parts, frozenset())
    last, _ = _output_parts(parts)
    groups = [
        cast(int, one.config.get("groups", 1)) if one.operation in KERNELS else 1 for one in layers
    ]
    grouped = max((k for k, number in enumerate(groups) if number > 1), default=-1)
    return Roles(
        fixed_width=rigid | ending,
        unchanged=_ids([*last, *_with_copied_weights(parts)]),
        width_step=math.lcm(*groups),
        stepped=_ids(layers[: grouped + 1]),
        changing_size=frozenset(key for key, flow in flows.items() if changes_size(flow)),
        fixing_size=frozenset(key for key, flow in flows.items() if fixes_size(flow)),
        has_normalization=any(one.operation in NORMALIZATIONS for one in layers),
    )


def _determining(parts: Sequence[Part], entering: Ids) -> tuple[Ids, Ids]:
    """Follow the parts that determine the width of the data.

    Args:
        parts: Parts in a row.
        entering: The parts that determine the width before them.

    Returns:
        Those that determine the width of what flows into a layer that needs it as it is, and those
        that determine the width at the end.
    """
    rigid, flowing = frozenset[int](), entering
    for part in parts:
        if isinstance(part, Branches):
            found = [_determining(branch, flowing) for branch in part.branches]
            rigid = rigid.union(*(inner for inner, _ in found))
            fixed, flowing = _merged(part.merge, [ends for _, ends in found])
            rigid |= fixed
        elif isinstance(part, Wired):
            inner, flowing = _determining_wired(part, flowing)
            rigid |= inner
        else:
            rigid |= flowing if is_rigid(part) else frozenset()
            flowing = _ids([part]) if _has_width(part) else flowing
    return rigid, flowing


def _determining_wired(part: Wired, entering: Ids) -> tuple[Ids, Ids]:
    rigid, known = frozenset[int](), dict.fromkeys(part.inputs, entering)
    for wire in part.wires:
        ends = [known[source] for source in wire.sources]
        fixed, flowing = (frozenset[int](), ends[0])
        if wire.merge is not None:
            fixed, flowing = _merged(wire.merge, ends)
        inner, known[wire.name] = _determining(wire.parts, flowing)
        rigid = rigid | fixed | inner
    return rigid, frozenset[int]().union(*(known[name] for name in part.outputs))


def _merged(merge: str | Layer, ends: Sequence[Ids]) -> tuple[Ids, Ids]:
    """Return which of the parts that flow into a merge it needs as they are, and what flows out."""
    flowing = frozenset[int]().union(*ends)
    if isinstance(merge, str):
        return frozenset(), flowing
    if merge.operation in ADAPTIVE_MERGES and not is_rigid(merge):
        return frozenset(), ends[0]  # the width of the query
    return flowing, flowing


def _has_width(part: Layer) -> bool:
    return "units" in part.config or "filters" in part.config


def _ids(parts: Iterable[Part]) -> Ids:
    return frozenset(map(id, parts))


def _with_copied_weights(parts: Sequence[Part]) -> Iterator[Part]:
    """Find the layers that start with the weights of the original, and the parts bound to them.

    Bound are layers between two such layers that have no weights to adapt to a change, such as an
    activation between two frozen layers, and the merges that contain such layers.
    """
    leads_to_copy = False
    for part in reversed(list(walk(parts))):
        if isinstance(part, Branches | Wired):
            if any(is_copied_with_weights(one) for one in layers_in([part])):
                yield part
            continue
        learns = part.operation in {*WIDTHS, *KERNELS, *NORMALIZATIONS}
        leads_to_copy = is_copied_with_weights(part) or (leads_to_copy and not learns)
        if leads_to_copy:
            yield part


def _output_parts(parts: Sequence[Part]) -> tuple[list[Part], bool]:
    """Find the parts that produce the output, back to the first layers with a width.

    Args:
        parts: Parts in a row.

    Returns:
        The parts, and whether the input passes through to the output.
    """
    found: list[Part] = []
    for part in reversed(parts):
        found.append(part)
        if isinstance(part, Branches):
            ends = [_output_parts(branch) for branch in part.branches]
            found += [one for inner, _ in ends for one in inner]
            if any(not passes_through for _, passes_through in ends):
                return found, False
        elif isinstance(part, Wired):
            inner, passes_through = _output_wires(part)
            found += inner
            if not passes_through:
                return found, False
        elif _has_width(part):
            return found, False
    return found, True


def _output_wires(part: Wired) -> tuple[list[Part], bool]:
    found, passes, waiting = list[Part](), False, list(part.outputs)
    wires = {wire.name: wire for wire in part.wires}
    while waiting:
        wire = wires.get(waiting.pop())
        if wire is None:
            passes = True
            continue
        inner, passes_through = _output_parts(wire.parts)
        found += inner
        if passes_through:
            found += [wire.merge] if isinstance(wire.merge, Layer) else []
            waiting += wire.sources
    return found, passes
