# pyright: basic
# Keras ships no types.
"""The variants of a model that is there already, as a space."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from ..errors import BuildError, SpaceError
from ..nodes.composition import Chain, Parallel, Repeat
from ..nodes.layer import Layer, layer
from ..nodes.node import Node
from ..nodes.values import Choice
from ..planning.plan import plan
from .described import WAY_OUT
from .kept import Kept
from .reading import Branches, Part, read
from .sizes import changes_size, ends_size

__all__ = [
    "variants_of",
]

WIDTHS = {"Dense": "units", "SeparableConv1D": "filters", "SeparableConv2D": "filters"}
WIDTHS |= {f"Conv{rank}D": "filters" for rank in (1, 2, 3)}
KERNELS = {*WIDTHS, "DepthwiseConv1D", "DepthwiseConv2D"} - {"Dense"}
RIGID = {"Reshape", "GroupNormalization", "Lambda"}  # before them no width can change
NORMALIZATIONS = {"BatchNormalization": "batch", "LayerNormalization": "layer"}
HIDDEN = ("relu", "gelu", "silu", "swish", "elu", "selu", "tanh", "leaky_relu", "relu6", "mish")


def variants_of(
    model: Any,
    widths: Sequence[float],
    kernels: Sequence[int],
    activations: Sequence[str],
    normalizations: Sequence[str],
    deeper: int,
    skips: bool,
) -> Chain:
    """Return the space of a model's variants; see `nasbridge.spaces.around`."""
    parts, flows = read(model)
    opener = _Opener(
        tuple(widths), tuple(kernels), tuple(activations), tuple(normalizations), deeper, skips
    )
    listed = list(_layers(parts))
    opener.is_bare = not any(_kind(one) in NORMALIZATIONS for one in listed)
    rigid = max((k for k, one in enumerate(listed) if _is_rigid(one)), default=-1)
    shaping, _ = _giving(parts, all)
    opener.fixed = {id(one) for one in (*listed[: rigid + 1], *shaping)}
    opener.still = {id(one) for one in (*_giving(parts, any)[0], *_kept(parts))}
    groups = [
        cast(int, one.config.get("groups", 1)) if _kind(one) in KERNELS else 1 for one in listed
    ]
    opener.step = math.lcm(*groups)
    grouped = max((k for k, number in enumerate(groups) if number > 1), default=-1)
    opener.stepped = {id(one) for one in listed[: grouped + 1]}
    opener.resizing = {one for one, flow in flows.items() if changes_size(flow)}
    opener.ending = {one for one, flow in flows.items() if ends_size(flow)}
    space = Chain(*opener.chain(parts, is_free=False))
    _check(space, model)
    object.__setattr__(space, "input_shape", tuple(model.input_shape[1:]))
    named = getattr(model, "_inputs_struct", None)  # of a functional one
    name = next(iter(named)) if isinstance(named, dict) else model.inputs[0].name
    object.__setattr__(space, "input_name", name)
    if model.compiled:
        object.__setattr__(space, "compiling", _compiling(model))
    return space


def _compiling(model: Any) -> dict[str, Any]:
    """Return what a model was compiled with; nothing in it names its only output."""
    found = dict(model._compile_config.config)
    for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
        value = found.get(name)
        if isinstance(value, Mapping) and len(value) == 1:
            (only,) = value.values()
            is_bare = "metrics" in name and not isinstance(only, list | tuple)
            found[name] = [only] if is_bare else only
    return found


def _check(space: Chain, model: Any) -> None:
    """Raise an error if the first member is not the model; its layers have been checked."""
    shape = tuple(model.input_shape[1:])
    if None in shape:
        return
    try:
        planned = plan(next(space.enumerate()).graph(), shape)
    except BuildError as error:
        raise SpaceError(f"the model {model.name!r} cannot be made again: {error}") from error
    given = planned.steps[planned.output].shape
    parameters = sum(step.measure.parameters for step in planned.steps)
    if (given, parameters) != (tuple(model.output_shape[1:]), model.count_params()):
        raise SpaceError(
            f"the model {model.name!r} gives {model.output_shape[1:]} and has "
            f"{model.count_params()} weights, and made again by its layers gives {given} and has "
            f"{parameters}: {WAY_OUT}"
        )


def _is_rigid(one: Layer) -> bool:
    """Tell whether what comes before a layer keeps its width; a user's class may rely on it.

    A permutation may make a size of a width.
    """
    order = cast(Sequence[int], one.config.get("dims", (0,))) if _kind(one) == "Permute" else (0,)
    return _kind(one) in RIGID or one.cls is not None or order[-1] not in (0, len(order))


def _kept(parts: Sequence[Part]) -> Iterator[Part]:
    """Find the layers that have their weights already, and what belongs to them.

    That is what leads straight into them and has no weights to learn anything else, as an
    activation between two frozen layers, and the sums in which they stand.
    """
    leads_on = False
    for part in reversed(list(_all(parts))):
        if isinstance(part, Branches):
            if any(_has_state(one) for one in _layers([part])):
                yield part
            continue
        leads_on = _has_state(part) or (leads_on and not _learns(part))
        if leads_on:
            yield part


def _has_state(one: Layer) -> bool:
    return one.cls is not None and issubclass(one.cls, Kept) and one.cls.has_state


def _learns(one: Layer) -> bool:
    return _kind(one) in {*WIDTHS, *KERNELS, *NORMALIZATIONS}


def _giving(
    parts: Sequence[Part], ends: Callable[[Iterable[bool]], bool]
) -> tuple[list[Part], bool]:
    """Find what gives the outputs of parts, and whether their inputs are among it.

    Args:
        parts: Parts in a row.
        ends: Tells of branches, each with a layer that has outputs of its own or without, whether
            the search ends there: with `all`, what flows in by a shortcut counts, too.
    """
    found: list[Part] = []
    for part in reversed(parts):
        found.append(part)
        if isinstance(part, Branches):
            ways = [_giving(branch, ends) for branch in part.branches]
            found += [one for way, _ in ways for one in way]
            if ends(not through for _, through in ways):
                return found, False
        elif "units" in part.config or "filters" in part.config:
            return found, False
    return found, True


def _all(parts: Sequence[Part]) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, Branches):
            for branch in part.branches:
                yield from _all(branch)
        yield part


def _layers(parts: Sequence[Part]) -> Iterator[Layer]:
    return (part for part in _all(parts) if isinstance(part, Layer))


def _kind(one: Layer) -> str:
    return one.operation


@dataclass
class _Opener:
    """Opens what may vary; of every decision the first option is what the model has."""

    widths: tuple[float, ...]
    kernels: tuple[int, ...]
    activations: tuple[str, ...]
    normalizations: tuple[str, ...]
    deeper: int
    skips: bool
    is_bare: bool = False  # it has no normalization
    fixed: set[int] = field(default_factory=set[int])  # layers whose width stays, by id
    still: set[int] = field(default_factory=set[int])  # parts that stay as they are, by id
    step: int = 1  # of widths, so that groups divide them
    stepped: set[int] = field(default_factory=set[int])  # layers with such widths, by id
    resizing: set[int] = field(default_factory=set[int])  # layers that change the size, by id
    ending: set[int] = field(default_factory=set[int])  # layers that give one size always, by id
    number: int = 0  # of blocks so far
    shared: dict[str, Choice] = field(default_factory=dict[str, Choice])

    def chain(self, parts: Sequence[Part], is_free: bool) -> list[Node]:
        """Open parts in a row; behind them data of any size may come, or of the model's alone."""
        opened: list[Node] = []
        position = 0
        while position < len(parts):
            size, times = self._block(parts, position, is_free)
            if times > 1:
                free = self._is_free(parts[position:], is_free)
                opened.append(self._repeated(parts[position : position + size], times, free))
            else:
                free = self._is_free(parts[position + 1 :], is_free)
                opened += self._opened(parts[position], free)
            position += size * times
        return opened or [layer("Identity")]

    # ------------------------------------------------------------------ depth and shortcuts

    def _block(self, parts: Sequence[Part], start: int, is_free: bool) -> tuple[int, int]:
        """Return the size of the block that begins here, and how often it comes in a row."""
        best = (1, 1)
        if self.deeper == 0 and not self.skips:
            return best
        free = next(
            (k for k in range(start, len(parts)) if self._stays(parts[k])), len(parts)
        )  # what gives the outputs is no block, nor what is kept
        for size in range(1, (free - start) // 2 + 1):
            block = parts[start : start + size]
            times = 1
            while start + size * (times + 1) <= free and _same(
                block, parts[start + size * times : start + size * (times + 1)]
            ):
                times += 1
            is_longer = times > 1 and size * times > best[0] * best[1]
            if is_longer and (self._keeps_size(block) or self._is_free(parts[start:], is_free)):
                best = (size, times)
        return best

    def _keeps_size(self, parts: Sequence[Part]) -> bool:
        return not any(id(one) in self.resizing for one in _layers(parts))

    def _is_free(self, rest: Sequence[Part], otherwise: bool) -> bool:
        """Tell whether data of any size may come before parts; what follows them may say so."""
        found = self._takes_any_size(rest)
        return otherwise if found is None else found

    def _takes_any_size(self, parts: Sequence[Part]) -> bool | None:
        """Tell whether parts give one size, whatever they take; None where they hand it on."""
        for part in parts:
            if isinstance(part, Branches):
                ways = [self._takes_any_size(branch) for branch in part.branches]
                if False in ways or all(ways):
                    return False not in ways
            elif _is_rigid(part) or id(part) in self.ending:
                return not _is_rigid(part)
        return None

    def _stays(self, part: Part) -> bool:
        return any(id(one) in self.still for one in _layers([part]))

    def _repeated(self, block: Sequence[Part], times: int, is_free: bool) -> Node:
        self.number += 1
        number = self.number
        inside: Node = Chain(*(node for part in block for node in self._opened(part, is_free)))
        if self.skips and not any(isinstance(part, Branches) for part in block):
            shortcut = Parallel(layer("Identity"), inside)
            inside = Choice({"none": inside, "add": shortcut}, name=f"skip_{number}")
        others = [k for k in range(1, times + self.deeper + 1) if k != times] if self.deeper else []
        depth: int | Choice = Choice([times, *others], name=f"depth_{number}") if others else times
        return Repeat(inside, depth, tied=True)

    # ------------------------------------------------------------------ single layers

    def _opened(self, part: Part, is_free: bool) -> list[Node]:
        if isinstance(part, Branches):
            return [self._branches(part, is_free)]
        kind = _kind(part)
        if id(part) in self.still:
            return [part]
        if kind in NORMALIZATIONS:
            return [self._normalization(part)]
        config: dict[str, Any] = dict(part.config)
        if kind in WIDTHS and id(part) not in self.fixed:
            step = self.step if id(part) in self.stepped else 1
            config[WIDTHS[kind]] = self._width(cast(int, config[WIDTHS[kind]]), step)
        if kind in KERNELS and config.get("padding") == "same":
            config["kernel_size"] = self._kernel(config["kernel_size"])
        if kind == "ReLU" and not config:
            kind, config = "Activation", {"activation": "relu"}
        if config.get("activation") in HIDDEN and (kind in WIDTHS or kind == "Activation"):
            config["activation"] = self._activation(str(config["activation"]))
        opened: list[Node] = [replace(part, operation=kind, config=config)]
        if self.is_bare and kind in WIDTHS and self.normalizations:
            opened.append(self._normalization(layer("Identity")))
        return opened

    def _branches(self, part: Branches, is_free: bool) -> Node:
        ways = [self.chain(branch, is_free) for branch in part.branches]
        merge = cast(Literal["add", "concatenate"], part.merge)
        whole = Parallel(*(Chain(*way) for way in ways), merge=merge)
        longer = [Chain(*way) for way, one in zip(ways, part.branches, strict=True) if one]
        is_shortcut = merge == "add" and len(ways) == 2 and len(longer) == 1
        if not self.skips or not is_shortcut or id(part) in self.still:
            return whole
        self.number += 1
        return Choice({"add": whole, "none": longer[0]}, name=f"skip_{self.number}")

    def _width(self, width: int, step: int) -> object:
        rest = width % step  # it stays, so that groups divide sums of widths, too
        made = {
            f"{factor:g}x": max(rest + step * round((width * factor - rest) / step), rest or step)
            for factor in (1, *self.widths)
        }
        distinct = {number: label for label, number in reversed(made.items())}
        return (
            Choice({label: made[label] for label in made if distinct[made[label]] == label})
            if (len(distinct) > 1)
            else width
        )

    def _kernel(self, kernel: object) -> object:
        sizes = kernel if isinstance(kernel, list | tuple) else (kernel,)
        if len(set(sizes)) > 1 or sizes[0] == 1:
            return kernel
        options = dict.fromkeys((sizes[0], *self.kernels))
        return Choice(list(options)) if len(options) > 1 else kernel

    def _activation(self, has: str) -> object:
        options = dict.fromkeys((has, *self.activations))
        return self._one(f"activation_{has}", dict(zip(options, options, strict=True)))

    def _normalization(self, has: Layer) -> Node:
        name = NORMALIZATIONS.get(_kind(has), "none")
        known: Mapping[str, Layer] = {
            "batch": layer("BatchNormalization"),
            "layer": layer("LayerNormalization"),
            "none": layer("Identity"),
        }
        if not self.normalizations:
            return has
        options = {name: has} | {
            label: known[label] for label in self.normalizations if label != name
        }
        return cast(Node, self._one(f"normalization_{name}", options))

    def _one(self, name: str, options: Mapping[str, object]) -> object:
        """Return one decision for all the places that are alike; it is the model's style."""
        if len(options) == 1:
            return next(iter(options.values()))
        if name not in self.shared or self.shared[name].options != options:
            unique = name if name not in self.shared else f"{name}_{len(self.shared)}"
            self.shared[name] = Choice(options, name=unique, shared=True)
        return self.shared[name]


def _same(one: Sequence[Part], other: Sequence[Part]) -> bool:
    return list(one) == list(other)
