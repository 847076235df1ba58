"""From the parts of a model to a space: each part becomes a node, with its decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

from ..nodes.composition import Chain, Merge, Parallel, Repeat
from ..nodes.layer import Layer, layer
from ..nodes.network import Network
from ..nodes.node import Node
from ..nodes.primitives import Pass
from ..nodes.values import Choice
from .graph_reader import ENTRANCE, ONLY
from .kinds import HIDDEN_ACTIVATIONS, KERNELS, NORMALIZATIONS, WIDTHS, is_rigid
from .options import VariantOptions
from .parts import Branches, Part, Wire, Wired, layers_in
from .roles import Roles

__all__ = ["SpaceBuilder"]


class SpaceBuilder:
    """Builds the nodes of a space; the first option of every decision is what the model has.

    Args:
        options: Which properties vary.
        roles: Which parts of the model stay.
    """

    def __init__(self, options: VariantOptions, roles: Roles) -> None:
        self._options = options
        self._roles = roles
        self._blocks = 0  # numbers the decisions about blocks
        self._fixed_width = set(roles.fixed_width)
        self._shared: dict[str, Choice] = {}

    def chain(self, parts: Sequence[Part], any_size: bool) -> list[Node]:
        """Return the nodes of parts in a row.

        Args:
            parts: The parts.
            any_size: Whether the layers after them accept data of any size.
        """
        nodes: list[Node] = []
        position = 0
        while position < len(parts):
            size, times = self._block(parts, position, any_size)
            if times > 1:
                accepts_any = self._accepts_any_size(parts[position:], any_size)
                copies = parts[position : position + size * times]
                nodes.append(self._repeated(copies, times, accepts_any))
            else:
                accepts_any = self._accepts_any_size(parts[position + 1 :], any_size)
                nodes += self._nodes(parts[position], accepts_any)
            position += size * times
        return nodes or [Pass()]

    def _block(self, parts: Sequence[Part], start: int, any_size: bool) -> tuple[int, int]:
        """Return the size of the block that starts here, and how many times it repeats in a row.

        A block that changes the size of the data may repeat only where any size is accepted.
        """
        best = (1, 1)
        if self._options.deeper == 0 and not self._options.skips:
            return best
        stop = next(
            (k for k in range(start, len(parts)) if self._is_unchanged(parts[k])), len(parts)
        )
        for size in range(1, (stop - start) // 2 + 1):
            block = parts[start : start + size]
            times = _repetitions(block, parts[start:stop])
            is_longer = times > 1 and size * times > best[0] * best[1]
            if is_longer and (
                self._keeps_size(block) or self._accepts_any_size(parts[start:], any_size)
            ):
                best = (size, times)
        return best

    def _keeps_size(self, parts: Sequence[Part]) -> bool:
        return not any(id(one) in self._roles.changing_size for one in layers_in(parts))

    def _accepts_any_size(self, rest: Sequence[Part], otherwise: bool) -> bool:
        """Return whether data of any size may precede parts; `otherwise` if they do not decide."""
        decided = self._fixes_size(rest)
        return otherwise if decided is None else decided

    def _fixes_size(self, parts: Sequence[Part]) -> bool | None:
        """Return whether parts map all sizes to one; None if they pass the size on."""
        for part in parts:
            if isinstance(part, Branches):
                branches = [self._fixes_size(branch) for branch in part.branches]
                if False in branches or all(branches):
                    return False not in branches
            elif isinstance(part, Wired) or is_rigid(part):
                return False
            elif id(part) in self._roles.fixing_size:
                return True
        return None

    def _is_unchanged(self, part: Part) -> bool:
        return any(id(one) in self._roles.unchanged for one in layers_in([part]))

    def _repeated(self, copies: Sequence[Part], times: int, any_size: bool) -> Node:
        block = copies[: len(copies) // times]
        self._fix_widths_as_in(copies, times)
        self._blocks += 1
        number = self._blocks
        inside: Node = Chain(*(node for part in block for node in self._nodes(part, any_size)))
        if self._options.skips and not any(isinstance(part, Branches | Wired) for part in block):
            shortcut = Parallel(Pass(), inside)
            inside = Choice({"none": inside, "add": shortcut}, name=f"skip_{number}")
        if not self._options.deeper:
            return Repeat(inside, times, tied=True)
        others = [k for k in range(1, times + self._options.deeper + 1) if k != times]
        return Repeat(inside, Choice([times, *others], name=f"depth_{number}"), tied=True)

    def _fix_widths_as_in(self, copies: Sequence[Part], times: int) -> None:
        """Fix the widths of the first copy of a block that are fixed in another copy."""
        layers = [id(one) for one in layers_in(copies)]
        size = len(layers) // times
        for number, key in enumerate(layers):
            if key in self._fixed_width:
                self._fixed_width.add(layers[number % size])

    def _nodes(self, part: Part, any_size: bool) -> list[Node]:
        """Return the nodes of one part."""
        if isinstance(part, Branches):
            return [self._branches(part, any_size)]
        if isinstance(part, Wired):
            return [self._network(part)]
        kind = part.operation
        if id(part) in self._roles.unchanged:
            return [part]
        if kind in NORMALIZATIONS:
            return [self._normalization(part)]
        config: dict[str, Any] = dict(part.config)
        if kind in WIDTHS and id(part) not in self._fixed_width:
            step = self._roles.width_step if id(part) in self._roles.stepped else 1
            config[WIDTHS[kind]] = self._width(cast(int, config[WIDTHS[kind]]), step)
        if kind in KERNELS and config.get("padding") == "same":
            config["kernel_size"] = self._kernel(config["kernel_size"])
        if kind == "ReLU" and not config:
            kind, config = "Activation", {"activation": "relu"}
        has_activation = kind in WIDTHS or kind == "Activation"
        if has_activation and config.get("activation") in HIDDEN_ACTIVATIONS:
            config["activation"] = self._activation(str(config["activation"]))
        nodes: list[Node] = [replace(part, operation=kind, config=config)]
        adds_normalization = self._options.normalizations and not self._roles.has_normalization
        if adds_normalization and kind in WIDTHS:
            nodes.append(self._normalization(None))
        return nodes

    def _branches(self, part: Branches, any_size: bool) -> Node:
        branches = [Chain(*self.chain(branch, any_size)) for branch in part.branches]
        merge = cast(Literal["add", "concatenate"] | Layer, part.merge)
        whole = Parallel(*branches, merge=merge)
        longer = [node for node, inner in zip(branches, part.branches, strict=True) if inner]
        has_shortcut = merge == "add" and len(branches) == 2 and len(longer) == 1
        if not self._options.skips or not has_shortcut or id(part) in self._roles.unchanged:
            return whole
        self._blocks += 1
        return Choice({"add": whole, "none": longer[0]}, name=f"skip_{self._blocks}")

    def _network(self, part: Wired) -> Network:
        return Network(
            {wire.name: (self._wire(wire), _sources(wire)) for wire in part.wires},
            inputs=ENTRANCE if part.inputs == (ENTRANCE,) else part.inputs,
            outputs=ONLY if part.outputs == (ONLY,) else part.outputs,
        )

    def _wire(self, wire: Wire) -> Node:
        parts = self.chain(wire.parts, any_size=False) if wire.parts else []
        if wire.merge is not None:
            is_layer = isinstance(wire.merge, Layer)
            first = wire.merge if is_layer else Merge(cast(Any, wire.merge))
            parts = [cast(Node, first), *parts]
        return parts[0] if len(parts) == 1 else Chain(*parts)

    def _width(self, width: int, step: int) -> object:
        rest = width % step  # stays the same, so that groups divide sums of widths as well
        options: dict[str, int] = {}
        for factor in (1, *self._options.widths):
            scaled = max(rest + step * round((width * factor - rest) / step), rest or step)
            if scaled not in options.values():
                options[f"{factor:g}x"] = scaled
        return Choice(options) if len(options) > 1 else width

    def _kernel(self, kernel: object) -> object:
        is_sequence = isinstance(kernel, list | tuple)
        sizes: Sequence[object] = cast(Sequence[object], kernel) if is_sequence else (kernel,)
        options = dict.fromkeys((sizes[0], *self._options.kernels))
        if len(set(sizes)) > 1 or sizes[0] == 1 or len(options) == 1:
            return kernel
        return Choice(list(options))

    def _activation(self, current: str) -> object:
        options = dict.fromkeys((current, *self._options.activations))
        return self._decision(f"activation_{current}", dict(zip(options, options, strict=True)))

    def _normalization(self, current: Layer | None) -> Node:
        """Return the decision about a normalization, or about one where the model has none."""
        name = "none" if current is None else NORMALIZATIONS[current.operation]
        known: Mapping[str, Node] = {
            "batch": layer("BatchNormalization"),
            "layer": layer("LayerNormalization"),
            "none": Pass(),
        }
        current_node = current or known["none"]
        if not self._options.normalizations:
            return current_node
        others = {k: known[k] for k in self._options.normalizations if k != name}
        return cast(Node, self._decision(f"normalization_{name}", {name: current_node, **others}))

    def _decision(self, name: str, options: Mapping[str, object]) -> object:
        """Return one decision for all places with these options, as they are the model's style."""
        if len(options) == 1:
            return next(iter(options.values()))
        if name not in self._shared or self._shared[name].options != options:
            unique = name if name not in self._shared else f"{name}_{len(self._shared)}"
            self._shared[name] = Choice(options, name=unique, shared=True)
        return self._shared[name]


def _repetitions(block: Sequence[Part], parts: Sequence[Part]) -> int:
    """Return how many times parts begin with a block."""
    size, times = len(block), 1
    while list(parts[size * times : size * (times + 1)]) == list(block):
        times += 1
    return times


def _sources(wire: Wire) -> str | tuple[str, ...] | Mapping[str, str]:
    if wire.arguments:
        return dict(zip(wire.arguments, wire.sources, strict=True))
    return wire.sources[0] if wire.merge is None else wire.sources
