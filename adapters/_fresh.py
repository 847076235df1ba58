# pyright: basic
# Optimizers, losses and metrics are Keras's.
"""Objects of Keras as they are before any training."""

from collections.abc import Iterator, Mapping
from typing import Any

from ._errors import ExperimentError

__all__ = ["anew", "check_configuration"]


def anew(thing: Any) -> Any:
    """Return an object of Keras as it was before any training, anything else as it is."""
    if isinstance(thing, list | tuple):
        return [anew(part) for part in thing]
    if isinstance(thing, dict):
        return {name: anew(part) for name, part in thing.items()}
    if isinstance(thing, type) or not hasattr(thing, "from_config"):
        return thing
    copy = type(thing).from_config(thing.get_config())
    for old, new in zip(_optimizers(thing), _optimizers(copy), strict=True):
        pattern = getattr(old, "_exclude_from_weight_decay_pattern", None)  # in no get_config()
        if pattern is not None:
            new.exclude_from_weight_decay(var_names=[pattern.pattern])
    return copy


def _optimizers(thing: Any) -> Iterator[Any]:
    """Return an optimizer and those inside it; of anything else, the thing."""
    while thing is not None:
        yield thing
        thing = getattr(thing, "inner_optimizer", None)


def check_configuration(thing: Any) -> None:
    """Refuse an object whose copies, in the next training or another process, would differ."""
    if isinstance(thing, list | tuple | dict):
        for part in thing.values() if isinstance(thing, dict) else thing:
            check_configuration(part)
        return
    way_out = (
        "give a function, of targets and predictions for a loss or metric, of the architecture "
        "for an optimizer"
    )
    try:
        copy = anew(thing)
    except Exception as error:
        raise ExperimentError(
            f"{thing!r} cannot be made anew for each training ({type(error).__name__}: {error}): "
            f"let get_config() say how, or {way_out}"
        ) from error
    if any(getattr(one, "_exclude_from_weight_decay", None) for one in _optimizers(thing)):
        raise ExperimentError(
            f"{thing!r} keeps weights of one model from decay, and no other network has these: "
            'name them, as exclude_from_weight_decay(var_names=["bias"])'
        )
    lost = dict(_settings(thing).items() - _settings(copy).items())
    if lost:
        raise ExperimentError(
            f"get_config() of {thing!r} leaves out {lost}, so that no other training would have "
            f"it: {way_out}"
        )


def _settings(thing: Any) -> Mapping[str, bool | int | float | str]:
    """Return the plain values that an object holds, or hands to the function that it wraps."""
    held = getattr(thing, "__dict__", {})
    held = {**held, **held.get("_fn_kwargs", {})}
    plain = {k: v for k, v in held.items() if isinstance(v, bool | int | float | str)}
    return {k: v for k, v in plain.items() if k != "built"}  # as it is once used
