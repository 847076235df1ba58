# pyright: basic
# The data are of NumPy, Keras, TensorFlow, PyTorch or the user.
"""Data of a training, as `model.fit` takes them: checked, opened and measured."""

import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, TypeAlias

from ..engine import CannotEvaluate, ExperimentError
from ..spaces import BuildError, InputShape

__all__ = [
    "Data",
    "check_data",
    "check_part",
    "example_shape",
    "fit_arguments",
    "load",
    "open_part",
]

Data: TypeAlias = Any
"""What `model.fit` takes for training or validation: `(x, y)` or `(x, y, sample_weight)` of arrays,
with dicts and lists of them; a `tf.data.Dataset`, `PyDataset`, PyTorch `DataLoader` or other loader
of batches; or a function without arguments that makes one of these, or a generator, for each
training."""

FIX = "give (training, validation), each as (x, y), (x, y, sample_weight) or a loader of batches"


def check_data(data: object) -> None:
    """Raise an error unless data are a pair for training and validation.

    Raises:
        ExperimentError: They are not, or their lengths differ.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ExperimentError(f"data is a {_kind(data)} and not a pair: {FIX}")
    for part, name in zip(data, ("training", "validation"), strict=True):
        check_part(part, name)


def check_part(part: object, name: str) -> None:
    """Raise an error unless `model.fit` may take something as data.

    Args:
        part: The data, or a function that makes them.
        name: What the message calls them.

    Raises:
        ExperimentError: They are not data, or their lengths differ.
    """
    if callable(part):
        return
    if isinstance(part, Iterator):
        raise ExperimentError(
            f"the {name} data are a {_kind(part)}, which can be read only once: give a function "
            "without arguments that returns a new one for each training"
        )
    if isinstance(part, tuple | list):
        if len(part) not in (2, 3):
            raise ExperimentError(f"the {name} data are a {_kind(part)} of {len(part)}: {FIX}")
        _check_lengths(part, name)
    elif part is None or isinstance(part, str | bytes | int | float | Mapping) or _is_array(part):
        raise ExperimentError(f"the {name} data are a {_kind(part)} without targets: {FIX}")


def _check_lengths(part: Any, name: str) -> None:
    kinds = ("inputs", "targets", "sample weights")
    lengths = [
        (kind, len(leaf)) for kind, one in zip(kinds, part, strict=False) for leaf in _leaves(one)
    ]
    for kind, length in lengths:
        if length != lengths[0][1]:
            raise ExperimentError(
                f"the {name} data have {lengths[0][1]} inputs and {length} {kind}: give one of "
                "each for each example"
            )


def load(data: Any) -> tuple[Data, Data]:
    """Return training and validation data, made by their function if there is one.

    Raises:
        CannotEvaluate: The function fails, or what it returns is not such a pair.
    """
    found = _made(data, "data") if callable(data) else data
    try:
        check_data(found)
    except ExperimentError as error:
        raise CannotEvaluate(str(error)) from error
    return found


def open_part(part: Data, name: str, steps: int | None, setting: str) -> Any:
    """Return data for one training, made by their function if there is one.

    Args:
        part: The data, or a function that makes them.
        name: What messages call them.
        steps: Number of batches in an epoch, if it is limited.
        setting: The setting of `KerasEvaluator` that limits it.

    Raises:
        CannotEvaluate: The function fails, or the data never end and `steps` is None.
    """
    made = part
    if callable(part):
        made = _made(part, f"the function of the {name} data")
        if not isinstance(made, Iterator):
            try:
                check_part(made, name)
            except ExperimentError as error:
                raise CannotEvaluate(str(error)) from error
    if steps is None and _is_endless(made):
        raise CannotEvaluate(
            f"the {name} data have no known end: give KerasEvaluator(..., {setting}=...), the "
            "number of batches in an epoch"
        )
    return made


def _made(function: Callable[[], Any], name: str) -> Any:
    try:
        return function()
    except Exception as error:
        raise CannotEvaluate(
            f"{name} cannot be made: {type(error).__name__}: {error}; fix {function!r}"
        ) from error


def _is_endless(made: Any) -> bool:
    if isinstance(made, Iterator):
        return True
    if _is_py_dataset(made):
        return made.num_batches is None
    cardinality: Any = getattr(made, "cardinality", None)  # of a tf.data.Dataset; -1 is infinite
    return cardinality is not None and int(cardinality()) == -1


def fit_arguments(made: Any, batch_size: int, shuffle: bool) -> dict[str, Any]:
    """Return data as arguments of `model.fit`.

    Args:
        made: The data.
        batch_size: Examples in a batch; loaders make their own batches.
        shuffle: Whether to shuffle arrays and the batches of a PyDataset; Keras warns of it for
            other loaders.
    """
    if isinstance(made, tuple | list):
        named = dict(zip(("x", "y", "sample_weight"), made, strict=False))
        return {**named, "batch_size": batch_size, "shuffle": shuffle}
    can_shuffle = _is_py_dataset(made) and not _is_endless(made)
    return {"x": made, "shuffle": shuffle and can_shuffle}


def example_shape(made: Any) -> tuple[Any, InputShape, str | None]:
    """Return data with the shape of one example of their inputs.

    The first batch of a generator or loader is read if nothing else tells; generators are returned
    with that batch.

    Args:
        made: The data of one training.

    Returns:
        The data, the shape without the batch axis (of several inputs, by their names), and the name
        of the input where inputs are a dict with one name.

    Raises:
        BuildError: The shape is not known, or there are several inputs without names.
    """
    made, inputs = _inputs_of(made)
    if isinstance(inputs, list | tuple):
        if len(inputs) != 1:
            raise BuildError(
                f"the data have {len(inputs)} inputs without names: give them as a dict, with the "
                "names of the inputs of the space's Network"
            )
        (inputs,) = inputs
    if not isinstance(inputs, Mapping):
        return made, _shape_of(inputs, ""), None
    shapes = {name: _shape_of(part, f" {name!r}") for name, part in inputs.items()}
    if len(shapes) > 1:
        return made, shapes, None
    ((name, shape),) = shapes.items()
    return made, shape, name


def _shape_of(inputs: Any, which: str) -> tuple[int, ...]:
    """Return the shape of one example of an input."""
    shape = getattr(inputs, "shape", None)
    if shape is None or getattr(shape, "rank", 0) is None:
        raise BuildError(
            f"the data do not tell the shape of their inputs{which}: give input_shape="
        )
    sizes = tuple(shape)[1:]
    if not sizes:
        raise BuildError(
            f"the inputs{which} have one axis only: give one row for each example, as "
            "x.reshape(-1, 1)"
        )
    if any(size is None for size in sizes):
        raise BuildError(
            f"the inputs{which} have the shape {sizes}, with unknown sizes: give input_shape=, "
            "every size a number"
        )
    return tuple(int(size) for size in sizes)


def _inputs_of(made: Any) -> tuple[Any, Any]:
    """Return data, and their inputs, one batch of them, or its specification."""
    if isinstance(made, tuple | list):
        return made, made[0]
    if isinstance(made, Iterator):
        batch = next(made)
        return _again(batch, made), _first(batch)
    if hasattr(made, "element_spec"):  # a dataset of TensorFlow
        return made, _first(made.element_spec)
    return made, _first(made[0] if _is_py_dataset(made) else next(iter(made)))


def _is_py_dataset(made: Any) -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(made, keras.utils.PyDataset)


def _first(batch: Any) -> Any:
    return batch[0] if isinstance(batch, tuple | list) else batch


def _again(batch: Any, rest: Iterator[Any]) -> Generator[Any]:
    yield batch
    yield from rest


def _leaves(value: Any) -> Iterator[Any]:
    """Yield the arrays in inputs or targets."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list | tuple) and any(_is_array(part) for part in value):
        for part in value:
            yield from _leaves(part)
    elif value is not None:
        yield value


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and not hasattr(value, "element_spec")


def _kind(value: object) -> str:
    return type(value).__name__
