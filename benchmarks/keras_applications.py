"""Read every model of `keras.applications` with `variants_of` and compare the first architecture.

Run `python benchmarks/keras_applications.py`; it writes docs/benchmarks/keras_applications.md.
Names of models as arguments restrict it, and nothing is written. The weights are random; both
networks get the same ones.
"""

import inspect
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy

from nasbridge.spaces import SpaceError, variants_of

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "keras_applications.md"
SHAPE = (96, 96, 3)
INTRODUCTION = f"""# Models of `keras.applications`

`variants_of(model)` reads a model, and the first architecture of the space is the model itself.
Here each model of `keras.applications` is built with random weights for images of shape {SHAPE} and
10 classes, and so is the first architecture. Both have the same number of parameters. The first
architecture gets the weights of the model; the difference is the largest one between their outputs
for one random image. A decision is counted once, however often a repeated block contains it.

| model | layers | parameters | difference | decisions | seconds to read |
| --- | ---: | ---: | ---: | ---: | ---: |
"""


class Row(NamedTuple):
    """What was measured of a model."""

    layers: int
    parameters: int
    difference: float
    decisions: int
    seconds: float


def measure(make: Any) -> Row:
    """Read a model and compare it with the first architecture of its variants."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    model = make(weights=None, classes=10, input_shape=SHAPE)
    begin = time.perf_counter()
    space = variants_of(model)
    seconds = time.perf_counter() - begin
    member = space.model_itself.build(SHAPE)
    if member.count_params() != model.count_params():
        raise SpaceError(f"{member.count_params()} parameters instead of {model.count_params()}")
    rng = numpy.random.default_rng(0)
    weights = [_shaken(weight, rng) for weight in model.weights]
    model.set_weights(weights)
    member.set_weights(weights)
    image = rng.normal(size=(1, *SHAPE)).astype("float32")
    outputs: list[Any] = [keras.ops.convert_to_numpy(one(image)) for one in (model, member)]
    difference = float(numpy.abs(outputs[0] - outputs[1]).max())
    return Row(len(model.layers), model.count_params(), difference, len(space.decisions), seconds)


def _shaken(weight: Any, rng: numpy.random.Generator) -> Any:
    """Return other values for a weight, so that none keeps those that it is created with."""
    value = keras.ops.convert_to_numpy(weight)
    changed = value + 0.05 * rng.normal(size=value.shape).astype(value.dtype)
    return numpy.abs(changed) if "variance" in weight.path else changed


def main() -> int:
    """Measure the models and write the page; the exit code is 1 if one differs or is refused."""
    known = {
        name: make for name, make in vars(keras.applications).items() if inspect.isfunction(make)
    }
    chosen = sys.argv[1:] or sorted(known)
    lines, is_wrong = list[str](), False
    for name in chosen:
        try:
            row = measure(known[name])
            is_wrong |= not row.difference <= 1e-5
            line = (
                f"| {name} | {row.layers} | {row.parameters:,} | {row.difference:.1g} | "
                f"{row.decisions} | {row.seconds:.1f} |"
            )
        except SpaceError as error:
            is_wrong, line = True, f"| {name} | {error} |"
        lines.append(line)
        print(line, flush=True)
    if len(sys.argv) == 1:
        made = f"Made by `python benchmarks/keras_applications.py`; Keras {keras.__version__}."
        PAGE.write_text(INTRODUCTION + "\n".join(lines) + f"\n\n{made}\n")
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main())
