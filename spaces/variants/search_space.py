# pyright: basic
# Keras ships no types.
"""The space of the variants of a model: read, find what must stay, build, check."""

from collections.abc import Mapping
from typing import Any

from ..errors import BuildError, SpaceError
from ..keras.inference import infer_with_keras
from ..nodes.composition import Chain
from ..planning.plan import plan
from .description import ALTERNATIVE
from .options import VariantOptions
from .reading import read
from .roles import roles_of
from .space_builder import SpaceBuilder

__all__ = ["search_space_of"]


def search_space_of(model: Any, options: VariantOptions) -> Chain:
    """Return the space of a model's variants; see `variants_of`.

    The space has three more attributes, which adapters read and no document contains:
    `input_shape`, `input_name` and, for a compiled model, `compiling`.

    Raises:
        SpaceError: The model cannot be read or rebuilt.
    """
    found = read(model)
    builder = SpaceBuilder(options, roles_of(found))
    space = Chain(*builder.chain(found.parts, any_size=False))
    _check_first(space, model)
    object.__setattr__(space, "input_shape", tuple(model.input_shape[1:]))
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


def _check_first(space: Chain, model: Any) -> None:
    """Raise SpaceError if the first architecture is not the model; its layers are checked."""
    shape = tuple(model.input_shape[1:])
    if None in shape:
        return
    try:
        planned = plan(next(space.enumerate()).graph(), shape, infer_with_keras)
    except BuildError as error:
        raise SpaceError(f"the model {model.name!r} cannot be rebuilt: {error}") from error
    output = planned.steps[planned.output].shape
    parameters = sum(step.measure.parameters for step in planned.steps)
    if (output, parameters) != (tuple(model.output_shape[1:]), model.count_params()):
        raise SpaceError(
            f"the model {model.name!r} has output shape {model.output_shape[1:]} and "
            f"{model.count_params()} weights, but rebuilt from its layers it has {output} and "
            f"{parameters}: {ALTERNATIVE}"
        )
