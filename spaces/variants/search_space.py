# pyright: basic
# Keras ships no types.
"""The space of the variants of a model: read, find what must stay, build, check."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import BuildError, SpaceError
from ..graph.graph import InputShape
from ..keras.inference import infer_with_keras
from ..nodes.model_variants import ModelVariants
from ..nodes.node import Node
from ..planning.plan import plan
from .description import ALTERNATIVE
from .names import names_by_path
from .options import VariantOptions
from .reading import read
from .roles import roles_of
from .space_builder import SpaceBuilder

__all__ = ["search_space_of"]


def search_space_of(model: Any, options: VariantOptions) -> ModelVariants:
    """Return the space of a model's variants; see `variants_of`.

    Raises:
        SpaceError: The model cannot be read or rebuilt.
    """
    found = read(model)
    builder = SpaceBuilder(options, roles_of(found))
    nodes: Sequence[Node] = builder.chain(found.parts, any_size=False)
    unnamed = ModelVariants(*nodes, ordered=found.ordered)
    graph = unnamed.model_itself.graph()
    names = names_by_path(graph, found.parts, found.names, found.layers)
    space = ModelVariants(
        *nodes, layer_names=names, ordered=found.ordered, starts=options.model_first
    )
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    labels = graph.input_names
    shape: InputShape = dict(zip(labels, shapes, strict=True)) if labels else shapes[0]
    if not any(None in size for size in shapes):
        _check_first(space, model, shape)
    object.__setattr__(space, "input_shape", shape)
    if not labels:
        object.__setattr__(space, "input_name", _input_name(model))
    if model.compiled:
        object.__setattr__(space, "compiling", _compile_arguments(model))
    return space


def _input_name(model: Any) -> str:
    struct = getattr(model, "_inputs_struct", None)  # of a functional model
    return str(next(iter(struct)) if isinstance(struct, dict) else model.inputs[0].name)


def _compile_arguments(model: Any) -> dict[str, Any]:
    """Return the arguments that a model was compiled with, without the name of its output.

    The output of a variant has another name.
    """
    found = dict(model._compile_config.config)
    for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
        value = found.get(name)
        if isinstance(value, Mapping) and len(value) == 1:
            (only,) = value.values()
            is_single = "metrics" in name and not isinstance(only, list | tuple)
            found[name] = [only] if is_single else only
    return found


def _check_first(space: ModelVariants, model: Any, shape: InputShape) -> None:
    """Raise SpaceError if the first architecture is not the model; its layers are checked."""
    try:
        planned = plan(space.model_itself.graph(), shape, infer_with_keras)
    except BuildError as error:
        raise SpaceError(f"the model {model.name!r} cannot be rebuilt: {error}") from error
    outputs = [planned.steps[position].shape for position in planned.outputs.values()]
    wanted = [tuple(tensor.shape[1:]) for tensor in model.outputs]
    parameters = sum(step.measure.parameters for step in planned.steps)
    if (outputs, parameters) != (wanted, model.count_params()):
        raise SpaceError(
            f"the model {model.name!r} has the output shapes {wanted} and "
            f"{model.count_params()} weights, but rebuilt from its layers it has {outputs} and "
            f"{parameters}: {ALTERNATIVE}"
        )
