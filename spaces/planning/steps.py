"""`Plan`: a network as a list of layer calls in order, each with its shape and cost."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..errors import BuildError
from ..graph.graph import Operation
from .rules import measure
from .shapes import Measure, Shape, ShapeMismatch

__all__ = ["PlanBuilder", "Infer", "Plan", "LayerCall", "described"]

Infer = Callable[[Operation, Sequence[Shape], str], Measure]
"""Measures a layer without a rule, given the layer, the shapes of its inputs and its path."""


class LayerCall(NamedTuple):
    """One call of a layer.

    Attributes:
        operation: A Keras layer with its settings, a layer of the user, or "input".
        inputs: Positions of the calls whose results flow in; several for a merging layer, or one
            for each argument that the operation names.
        path: Unique dotted path; names the layer.
        measure: Shape of the result, and cost.
    """

    operation: Operation
    inputs: tuple[int, ...]
    path: str
    measure: Measure

    @property
    def shape(self) -> Shape:
        """Shape of the result, without the batch axis."""
        return self.measure.shape


class Plan(NamedTuple):
    """A network in which all shapes fit.

    Attributes:
        steps: The layer calls in topological order; the inputs come first.
        outputs: Positions of the calls whose results are the outputs, by name; an output without
            a name is "".
    """

    steps: tuple[LayerCall, ...]
    outputs: Mapping[str, int]

    @property
    def output(self) -> int:
        """Position of the call whose result is the only output."""
        (only,) = self.outputs.values()
        return only


class PlanBuilder:
    """Builds a plan call by call.

    Args:
        inputs: Path of each input, and the shape of one example.
        infer: Measures layers without a rule.

    Attributes:
        steps: The layer calls so far.
        zeros: Calls whose result is zero, each with the call whose result it replaces.
    """

    def __init__(self, inputs: Mapping[str, Shape], infer: Infer | None = None) -> None:
        self.steps = [
            LayerCall(Operation("input"), (), path, Measure(shape))
            for path, shape in inputs.items()
        ]
        self.zeros: dict[int, int] = {}
        self._inputs = len(self.steps)
        self._paths = set(inputs)
        self._infer = infer

    def shape(self, position: int) -> Shape:
        """Return the shape of a call's result."""
        return self.steps[position].shape

    def add(self, operation: Operation, inputs: Sequence[int], path: str) -> int:
        """Append a layer and return its position.

        Args:
            operation: A layer of Keras or of the user.
            inputs: Positions of the calls whose results flow in.
            path: Path of the layer; a number is appended if it is not unique.

        Raises:
            BuildError: The layer cannot take these inputs.
        """
        shapes = [self.steps[k].shape for k in inputs]
        operation, measured = _fitted(operation, shapes, path, self._infer)
        unique, number = path, 1
        while unique in self._paths:
            number += 1
            unique = f"{path}_{number}"
        self._paths.add(unique)
        self.steps.append(LayerCall(operation, tuple(inputs), unique, measured))
        return len(self.steps) - 1

    def layer(
        self, name: str, config: Mapping[str, object], inputs: Sequence[int], path: str
    ) -> int:
        """Append a Keras layer and return its position."""
        return self.add(Operation(name, config), inputs, path)

    def finish(self, outputs: Mapping[str, int]) -> Plan:
        """Return the plan of the calls that the outputs depend on, and of all inputs."""
        kept = set(range(self._inputs))
        waiting = list(outputs.values())
        while waiting:
            position = waiting.pop()
            if position not in kept:
                kept.add(position)
                waiting.extend(self.steps[position].inputs)
        if len(kept) == len(self.steps):
            return Plan(tuple(self.steps), outputs)
        new = {old: k for k, old in enumerate(sorted(kept))}
        steps = (self.steps[old] for old in new)
        return Plan(
            tuple(step._replace(inputs=tuple(new[k] for k in step.inputs)) for step in steps),
            {name: new[output] for name, output in outputs.items()},
        )


def _fitted(
    operation: Operation, shapes: Sequence[Shape], path: str, infer: Infer | None
) -> tuple[Operation, Measure]:
    """Measure a layer; set padding="same" if its window is larger than its input."""
    measured = _measured(operation, shapes, path, infer)
    if min(measured.shape, default=1) > 0:
        return operation, measured
    padded = Operation(operation.name, {**operation.config, "padding": "same"}, operation.cls)
    if operation.config.get("padding", "valid") == "valid":
        measured = _measured(padded, shapes, path, infer)
        if min(measured.shape, default=1) > 0:
            return padded, measured
    raise BuildError(
        f"{described(operation, path)} leaves nothing of {shapes[0]}: use a larger input_shape, "
        "or reduce less in the space"
    )


def _measured(
    operation: Operation, shapes: Sequence[Shape], path: str, infer: Infer | None
) -> Measure:
    try:
        measured = measure(operation, shapes)
    except ShapeMismatch as error:
        raise BuildError(
            f"{described(operation, path)} cannot take {' and '.join(map(str, shapes))}: {error}; "
            "change its settings or the layers before it"
        ) from error
    if measured is not None:
        return measured
    if infer is None:
        raise BuildError(
            f"no rule gives the output shape of {described(operation, path)}: pass a callable as "
            "infer, such as infer_with_keras of nasbridge.spaces.keras"
        )
    return infer(operation, shapes, path)


def described(operation: Operation, path: str) -> str:
    """Return the text for a layer in messages: its settings and its path."""
    settings = ", ".join(f"{name}={value!r}" for name, value in operation.config.items())
    return f"{operation.name}({settings}) at {path!r}"
