"""`Network`: parts that are connected by name, with several inputs and outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import cast

from ..errors import SpaceError
from ..graph.visitor import Refs, SpaceVisitor
from .checks import check_name
from .node import Node, one

__all__ = ["Network", "Sources"]

Sources = str | tuple[str, ...] | Mapping[str, str]
"""What flows into a part: one result, several in order, or one for each argument of its call."""


@dataclass(frozen=True, init=False)
class Network(Node):
    """Parts that are connected by name: several inputs and outputs, and results used repeatedly.

    The result of each part has the part's name; "inner.price" is the output "price" of an inner
    network. A part takes one result, several in order (a `Merge`, or a Keras layer that merges), or
    one for each argument of a layer's call or input of an inner network.

    Args:
        parts: By name, in the order of the data flow: a structure node, and the name of what flows
            into it; a sequence of names, or a dict from arguments to names, for several.
        inputs: Names of the inputs, which are the keys of the data; a string for one input, whose
            data have no key.
        outputs: Names of the outputs, each a part or an input, which are the keys of the targets; a
            string for one output, whose targets have no key; by default, the last part.
        name: Restarts the path of the decisions inside.

    Raises:
        SpaceError: A name is unknown, used twice, or not needed for an output.

    Example:
        >>> from nasbridge.spaces import Choice, Merge, Network, layer
        >>> space = Network(
        ...     {
        ...         "pixels": (layer("Conv2D", filters=Choice([8, 16]), kernel_size=3), "image"),
        ...         "pooled": (layer("GlobalAveragePooling2D"), "pixels"),
        ...         "numbers": (layer("Dense", units=Choice([4, 8])), "table"),
        ...         "both": (Merge("concatenate"), ("pooled", "numbers")),
        ...         "price": (layer("Dense", units=1), "both"),
        ...         "kind": (layer("Dense", units=3, activation="softmax"), "both"),
        ...     },
        ...     inputs=("image", "table"),
        ...     outputs=("price", "kind"),
        ... )
        >>> model = next(space.enumerate()).build({"image": (32, 32, 3), "table": (7,)})
        >>> sorted(model.output_names)
        ['kind', 'price']
    """

    parts: Mapping[str, tuple[Node, Sources]]
    inputs: str | tuple[str, ...] = "input"
    outputs: str | tuple[str, ...] | None = None
    name: str | None = None

    def __init__(
        self,
        parts: Mapping[str, tuple[Node, str | Sequence[str] | Mapping[str, str]]],
        inputs: str | Sequence[str] = "input",
        outputs: str | Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        check_name(name)
        made = {label: _checked_part(label, entry) for label, entry in _checked(parts).items()}
        object.__setattr__(self, "parts", made)
        object.__setattr__(self, "inputs", inputs if isinstance(inputs, str) else tuple(inputs))
        kept = outputs if outputs is None or isinstance(outputs, str) else tuple(outputs)
        object.__setattr__(self, "outputs", kept)
        object.__setattr__(self, "name", name)
        self._check_names()

    @property
    def input_names(self) -> tuple[str, ...]:
        return () if isinstance(self.inputs, str) else self.inputs

    def expand(self, visitor: SpaceVisitor, x: Refs) -> Refs:
        known = self._entering(visitor, x)
        for label, (part, sources) in self.parts.items():
            with visitor.inside(label, part):
                known[label] = part.expand(visitor, _gathered(visitor, known, sources))
        outputs = list(self.parts)[-1] if self.outputs is None else self.outputs
        return _gathered(visitor, known, outputs if isinstance(outputs, str) else _by_name(outputs))

    def _entering(self, visitor: SpaceVisitor, x: Refs) -> dict[str, Refs]:
        """Return what flows in, by the names of the inputs."""
        if isinstance(self.inputs, str):
            return {self.inputs: x}
        if isinstance(x, int):
            x = (x,)
        if isinstance(x, tuple):
            if len(x) != len(self.inputs):
                raise SpaceError(
                    f"{len(x)} tensors flow into a Network with the inputs "
                    f"{' and '.join(self.inputs)} at {visitor.place}: connect as many"
                )
            return dict(zip(self.inputs, x, strict=True))
        if set(x) != set(self.inputs):
            raise SpaceError(
                f"{' and '.join(x)} flow into a Network with the inputs "
                f"{' and '.join(self.inputs)} at {visitor.place}: use the same names"
            )
        return dict(x)

    def _check_names(self) -> None:
        inputs = [self.inputs] if isinstance(self.inputs, str) else list(self.inputs)
        for label in (*inputs, *self.parts):
            check_name(label)
        twice = [k for k in inputs if inputs.count(k) > 1 or k in self.parts]
        if not inputs or twice:
            what = f"has two parts or inputs {twice[0]!r}" if twice else "has no input"
            raise SpaceError(f"a Network {what}: give each input and part a name of its own")
        known = set(inputs)
        for label, (_, sources) in self.parts.items():
            for source in _listed(sources):
                self._check_known(source, known, f"flows into the part {label!r}")
            known.add(label)
        outputs = list(self.parts)[-1] if self.outputs is None else self.outputs
        for source in _listed(outputs):
            self._check_known(source, known, "is an output")
        if not isinstance(outputs, str) and len(set(outputs)) != max(len(outputs), 1):
            raise SpaceError(f"the outputs of a Network are {outputs!r}: give distinct names")
        self._check_needed(inputs, _names(outputs))

    def _check_known(self, source: object, known: set[str], what: str) -> None:
        if isinstance(source, str) and source.partition(".")[0] in known:
            return
        if source in self.parts:
            raise SpaceError(
                f"{source!r} {what} of a Network before it is defined: move it before that part"
            )
        close = get_close_matches(str(source), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"use one of {sorted(known)}"
        raise SpaceError(f"{source!r} {what} of a Network, but no part has that name: {hint}")

    def _check_needed(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        needed = set(outputs)
        for label in reversed(list(self.parts)):
            if label in needed:
                needed.update(_names(self.parts[label][1]))
        for label in (*inputs, *self.parts):
            if label not in needed:
                raise SpaceError(
                    f"{label!r} of a Network leads to no output: connect it, remove it, or add it "
                    "to outputs="
                )


def _checked(parts: object) -> Mapping[str, object]:
    if not isinstance(parts, Mapping) or not parts:
        raise SpaceError(
            f"a Network needs a dict from names to parts and what flows into them, not {parts!r}"
        )
    return cast(Mapping[str, object], parts)


def _checked_part(label: str, entry: object) -> tuple[Node, Sources]:
    pair = cast(tuple[object, ...], entry) if isinstance(entry, tuple) else ()
    if len(pair) == 2 and isinstance(pair[0], Node):
        sources = pair[1]
        if isinstance(sources, str) and sources:
            return pair[0], sources
        if isinstance(sources, Mapping) and sources:
            return pair[0], dict(cast(Mapping[str, str], sources))
        if isinstance(sources, list | tuple) and sources:
            return pair[0], tuple(cast(Sequence[str], sources))
    raise SpaceError(
        f"the part {label!r} of a Network is {entry!r}: give a node and what flows into it, as "
        '(layer("Dense", units=8), "input")'
    )


def _listed(sources: Sources) -> tuple[str, ...]:
    if isinstance(sources, str):
        return (sources,)
    return tuple(sources.values() if isinstance(sources, Mapping) else sources)


def _names(sources: Sources) -> tuple[str, ...]:
    """Return the names of the parts and inputs, without those of outputs of inner networks."""
    return tuple(source.partition(".")[0] for source in _listed(sources))


def _by_name(names: Sequence[str]) -> Mapping[str, str]:
    return dict(zip(names, names, strict=True))


def _gathered(visitor: SpaceVisitor, known: Mapping[str, Refs], sources: Sources) -> Refs:
    """Return the results that flow into a part."""
    if isinstance(sources, str):
        return _result(visitor, known, sources)
    if isinstance(sources, Mapping):
        named = {key: _result(visitor, known, source) for key, source in sources.items()}
        return {key: one(visitor, found) for key, found in named.items()}
    return tuple(one(visitor, _result(visitor, known, source)) for source in sources)


def _result(visitor: SpaceVisitor, known: Mapping[str, Refs], source: str) -> Refs:
    label, _, output = source.partition(".")
    found = known[label]
    if not output:
        return found
    if isinstance(found, Mapping) and output in found:
        return found[output]
    outputs = ", ".join(found) if isinstance(found, Mapping) else "one without a name"
    raise SpaceError(
        f"the part {label!r} of a Network at {visitor.place} has no output {output!r}: its outputs "
        f"are {outputs}"
    )
