"""Rules for Keras layers: shape of the result, number of weights and of multiply-additions.

Each rule is a function of the input shape and the layer's settings. `RULES` and `MERGES` list the
layers with a rule; `spaces.keras` measures all others by building them.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod

from ..graph.graph import Operation
from .shapes import (
    Config,
    Measure,
    Shape,
    ShapeMismatch,
    axes,
    count,
    counts,
    flag,
    integers,
    pairs,
    spatial,
    windows,
)

__all__ = ["MERGES", "RULES", "has_rule", "measure"]

Rule = Callable[[Shape, Config], Measure | None]
"""Returns None for settings without a rule."""

_RARE = ("lora_rank", "quantization_config")  # settings that change the weights of a layer


def measure(operation: Operation, shapes: Sequence[Shape]) -> Measure | None:
    """Return the result and the cost of an operation, or None if there is no rule.

    Args:
        operation: A layer of Keras or of the user.
        shapes: The shapes of its inputs.

    Raises:
        ShapeMismatch: Its settings do not fit its input.

    Example:
        >>> from nasbridge.spaces import Operation
        >>> measure(Operation("Dense", {"units": 10}), [(28, 28)])
        Measure(shape=(28, 10), parameters=290, frozen=0, flops=8120)
    """
    config = operation.config
    is_rare = any(config.get(name) is not None for name in _RARE)
    if is_rare or operation.names or _is_foreign(operation):
        return None
    if config.get("data_format") not in (None, "channels_last"):
        raise ShapeMismatch("only data_format='channels_last' is supported")
    if operation.name in MERGES:
        return MERGES[operation.name](shapes, config)
    rule = RULES.get(operation.name)
    found = rule(shapes[0], config) if rule and len(shapes) == 1 else None
    if found and config.get("trainable") is False:
        return found._replace(frozen=found.parameters)
    return found


def has_rule(operation: Operation) -> bool:
    """Return whether a layer is measured without Keras, for usual settings."""
    return operation.name in MERGES or operation.name in RULES


def _is_foreign(operation: Operation) -> bool:
    cls = operation.cls
    return cls is not None and cls.__module__.partition(".")[0] != "keras"


def _dense(shape: Shape, config: Config) -> Measure:
    units, bias = count(config, "units"), flag(config, "use_bias")
    weights = (shape[-1] + bias) * units
    return Measure((*shape[:-1], units), weights, flops=prod(shape[:-1]) * weights)


def _conv(rank: int, shape: Shape, config: Config) -> Measure:
    kernel = counts(config, "kernel_size", rank)
    strides = counts(config, "strides", rank, 1)
    filters, groups = count(config, "filters"), count(config, "groups", 1)
    out = windows(spatial(shape, rank), config, kernel, strides)
    if shape[-1] % groups or filters % groups:
        raise ShapeMismatch(
            f"groups={groups} must divide both {shape[-1]} channels and {filters} filters"
        )
    weights = (prod(kernel) * shape[-1] // groups + flag(config, "use_bias")) * filters
    return Measure((*out, filters), weights, flops=prod(out) * weights)


def _depthwise_conv(rank: int, shape: Shape, config: Config) -> Measure:
    kernel = counts(config, "kernel_size", rank)
    strides = counts(config, "strides", rank, 1)
    filters = shape[-1] * count(config, "depth_multiplier", 1)
    out = windows(spatial(shape, rank), config, kernel, strides)
    weights = (prod(kernel) + flag(config, "use_bias")) * filters
    return Measure((*out, filters), weights, flops=prod(out) * weights)


def _separable_conv(rank: int, shape: Shape, config: Config) -> Measure:
    deep = _depthwise_conv(rank, shape, {**config, "use_bias": False})
    pointwise = {"units": count(config, "filters"), "use_bias": flag(config, "use_bias")}
    wide = _dense(deep.shape, pointwise)
    return Measure(wide.shape, deep.parameters + wide.parameters, flops=deep.flops + wide.flops)


def _conv_transpose(rank: int, shape: Shape, config: Config) -> Measure | None:
    kernel = counts(config, "kernel_size", rank)
    strides = counts(config, "strides", rank, 1)
    dilation = counts(config, "dilation_rate", rank, 1)
    if config.get("output_padding") is not None or max(dilation) > 1:
        return None
    padding, filters = config.get("padding", "valid"), count(config, "filters")
    extra = [
        max(k - s, 0) if padding == "valid" else 0 for k, s in zip(kernel, strides, strict=True)
    ]
    sizes = spatial(shape, rank)
    out = tuple(n * s + e for n, s, e in zip(sizes, strides, extra, strict=True))
    bias, weights = flag(config, "use_bias") * filters, prod(kernel) * shape[-1] * filters
    flops = prod(sizes) * weights + prod(out) * bias
    return Measure((*out, filters), weights + bias, flops=flops)


def _embedding(shape: Shape, config: Config) -> Measure:
    size, width = count(config, "input_dim"), count(config, "output_dim")
    return Measure((*shape, width), size * width)


def _batch_normalization(shape: Shape, config: Config) -> Measure:
    width = prod(axes(config, shape))
    learned = (flag(config, "scale") + flag(config, "center")) * width
    return Measure(shape, learned + 2 * width, frozen=2 * width)  # mean and variance


def _layer_normalization(shape: Shape, config: Config) -> Measure:
    if flag(config, "rms_scaling", False):
        return _rms_normalization(shape, config)
    learned = flag(config, "scale") + flag(config, "center")
    return Measure(shape, learned * prod(axes(config, shape)))


def _group_normalization(shape: Shape, config: Config) -> Measure:
    width, groups = prod(axes(config, shape)), config.get("groups", 32)
    if groups != -1 and width % count(config, "groups", 32):
        raise ShapeMismatch(f"groups={groups} does not divide {width} channels")
    return _layer_normalization(shape, config)


def _rms_normalization(shape: Shape, config: Config) -> Measure:
    return Measure(shape, prod(axes(config, shape)))


def _prelu(shape: Shape, config: Config) -> Measure:
    shared = integers(config, "shared_axes")
    return Measure(shape, prod(1 if k in shared else n for k, n in enumerate(shape, 1)))


def _recurrent(gates: int, shape: Shape, config: Config) -> Measure | None:
    if flag(config, "return_state", False):
        return None
    (steps,), units, bias = spatial(shape, 1), count(config, "units"), flag(config, "use_bias")
    twice = gates == 3 and flag(config, "reset_after")  # GRU: one bias for each product
    weights = gates * units * (shape[-1] + units + bias * (1 + twice))
    out = (steps, units) if flag(config, "return_sequences", False) else (units,)
    return Measure(out, weights, flops=steps * weights)


def _time_distributed(shape: Shape, config: Config) -> Measure | None:
    inner = config.get("layer")
    found = measure(inner, [shape[1:]]) if isinstance(inner, Operation) and shape[1:] else None
    if found is None:
        return None
    return found._replace(shape=(shape[0], *found.shape), flops=shape[0] * found.flops)


def _bidirectional(shape: Shape, config: Config) -> Measure | None:
    inner, mode = config.get("layer"), config.get("merge_mode", "concat")
    known = isinstance(inner, Operation) and config.get("backward_layer") is None and mode
    found = measure(inner, [shape]) if known and isinstance(inner, Operation) else None
    if found is None:
        return None
    width = found.shape[-1] * (2 if mode == "concat" else 1)
    return Measure(
        (*found.shape[:-1], width), 2 * found.parameters, 2 * found.frozen, 2 * found.flops
    )


def _same(shape: Shape, config: Config) -> Measure:
    return Measure(shape)


def _pool(rank: int, shape: Shape, config: Config) -> Measure:
    size = counts(config, "pool_size", rank)
    strides = counts(config, "strides", rank, size)
    return Measure((*windows(spatial(shape, rank), config, size, strides), shape[-1]))


def _max_pool(rank: int, shape: Shape, config: Config) -> Measure:
    return _pool(rank, shape, {"pool_size": 2, **config})


def _global_pool(rank: int, shape: Shape, config: Config) -> Measure:
    ones = (1,) * len(spatial(shape, rank))
    return Measure((*ones, shape[-1]) if flag(config, "keepdims", False) else (shape[-1],))


def _zero_padding(rank: int, shape: Shape, config: Config) -> Measure:
    ends = pairs(config, "padding", rank, 1)
    sizes = zip(spatial(shape, rank), ends, strict=True)
    return Measure((*(n + before + after for n, (before, after) in sizes), shape[-1]))


def _cropping(rank: int, shape: Shape, config: Config) -> Measure:
    ends = pairs(config, "cropping", rank, 0 if rank == 2 else 1)
    sizes = zip(spatial(shape, rank), ends, strict=True)
    return Measure((*(n - before - after for n, (before, after) in sizes), shape[-1]))


def _up_sampling(rank: int, shape: Shape, config: Config) -> Measure:
    size = counts(config, "size", rank, 2)
    sizes = zip(spatial(shape, rank), size, strict=True)
    return Measure((*(n * factor for n, factor in sizes), shape[-1]))


def _flatten(shape: Shape, config: Config) -> Measure:
    return Measure((prod(shape),))


def _reshape(shape: Shape, config: Config) -> Measure:
    target, total = integers(config, "target_shape"), prod(shape)
    given = prod(size for size in target if size != -1)
    found = tuple(total // max(given, 1) if size == -1 else size for size in target)
    if prod(found) != total or target.count(-1) > 1:
        raise ShapeMismatch(f"target_shape={target} does not fit its {total} numbers")
    return Measure(found)


def _permute(shape: Shape, config: Config) -> Measure:
    order = integers(config, "dims")
    if sorted(order) != list(range(1, len(shape) + 1)):
        raise ShapeMismatch(
            f"dims={order} is not a permutation of its {len(shape)} axes, counted from 1"
        )
    return Measure(tuple(shape[axis - 1] for axis in order))


def _repeat_vector(shape: Shape, config: Config) -> Measure:
    return Measure((count(config, "n"), *spatial(shape, 0), shape[-1]))


def _merged(shapes: Sequence[Shape], _config: Config) -> Measure | None:
    return Measure(shapes[0]) if len(set(shapes)) == 1 else None


def _concatenated(shapes: Sequence[Shape], config: Config) -> Measure | None:
    last = config.get("axis", -1) in (-1, len(shapes[0]))
    if not last or len({shape[:-1] for shape in shapes}) != 1:
        return None
    return Measure((*shapes[0][:-1], sum(shape[-1] for shape in shapes)))


MERGES: dict[str, Callable[[Sequence[Shape], Config], Measure | None]] = {
    "Add": _merged,
    "Average": _merged,
    "Concatenate": _concatenated,
    "Maximum": _merged,
    "Minimum": _merged,
    "Multiply": _merged,
    "Subtract": _merged,
}
"""Rules for Keras layers that merge inputs of one shape; `Concatenate` along the channels."""

_SHAPELESS = (
    *("Activation", "ActivityRegularization", "AlphaDropout", "Dropout", "ELU"),
    *("GaussianDropout", "GaussianNoise", "Identity", "LeakyReLU", "Masking", "ReLU", "Rescaling"),
    *("RandomBrightness", "RandomContrast", "RandomErasing", "RandomFlip", "RandomGaussianBlur"),
    *("RandomRotation", "RandomSharpness", "RandomTranslation", "RandomZoom"),
    *("Softmax", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "UnitNormalization"),
)

_RANKED: dict[str, tuple[Callable[[int, Shape, Config], Measure | None], int]] = {
    "AveragePooling{}D": (_pool, 3),
    "Conv{}D": (_conv, 3),
    "Conv{}DTranspose": (_conv_transpose, 3),
    "Cropping{}D": (_cropping, 3),
    "DepthwiseConv{}D": (_depthwise_conv, 2),
    "GlobalAveragePooling{}D": (_global_pool, 3),
    "GlobalMaxPooling{}D": (_global_pool, 3),
    "MaxPooling{}D": (_max_pool, 3),
    "SeparableConv{}D": (_separable_conv, 2),
    "UpSampling{}D": (_up_sampling, 3),
    "ZeroPadding{}D": (_zero_padding, 3),
}  # rules for 1, 2, ... spatial axes, up to the given number

RULES: dict[str, Rule] = {
    "BatchNormalization": _batch_normalization,
    "Bidirectional": _bidirectional,
    "Dense": _dense,
    "Embedding": _embedding,
    "Flatten": _flatten,
    "GRU": partial(_recurrent, 3),
    "GroupNormalization": _group_normalization,
    "LSTM": partial(_recurrent, 4),
    "LayerNormalization": _layer_normalization,
    "PReLU": _prelu,
    "Permute": _permute,
    "RMSNormalization": _rms_normalization,
    "RepeatVector": _repeat_vector,
    "Reshape": _reshape,
    "SimpleRNN": partial(_recurrent, 1),
    "TimeDistributed": _time_distributed,
}
"""Rules for Keras layers with one input."""

RULES.update(dict.fromkeys(_SHAPELESS, _same))
RULES.update(
    {
        name.format(rank): partial(rule, rank)
        for name, (rule, highest) in _RANKED.items()
        for rank in range(1, highest + 1)
    }
)
RULES.update(  # the abbreviations of Keras
    {
        name.replace("Average", "Avg").replace("Pooling", "Pool"): rule
        for name, rule in RULES.items()
        if "Pooling" in name
    }
)
