"""Merges branches of different shapes, using Keras layers only.

All branches are reduced to the smallest size: by a stride that results in this size exactly, or
else by cropping equally at both ends and a smaller stride. A strided 1x1 convolution is written as
pooling of size 1 and a convolution, as in NASNet (see `plan` for the reason).
"""

from collections.abc import Sequence

from ..errors import BuildError
from .shapes import Config, Shape
from .steps import PlanBuilder

__all__ = ["add", "concatenate", "factorized_reduction", "zeros"]


def add(builder: PlanBuilder, terms: Sequence[int], path: str, config: Config | None = None) -> int:
    """Sum branches, without zeros.

    Branches that are larger than the smallest one, or differ in channels from the last one, pass
    through a strided 1x1 convolution and batch normalization. For vectors and sequences, the
    convolution is a dense layer. The added layers are numbered by term, zeros included, so that
    their names do not depend on which of the other terms are zero.

    Args:
        builder: The plan to append to.
        terms: Positions of the calls whose results are summed.
        path: Path of the sum.
        config: Settings of the layer, such as its name.

    Raises:
        BuildError: The branches have different numbers of axes.

    References:
        He et al. 2015, Deep Residual Learning, arXiv:1512.03385, section 3.3, option B.
    """
    numbered = [(k, term) for k, term in enumerate(terms) if term not in builder.zeros]
    if len(numbered) < 2:
        return numbered[0][1] if numbered else terms[-1]
    terms = [term for _, term in numbered]
    target = (*_smallest(builder, terms, path, "summed"), builder.shape(terms[-1])[-1])
    fitted = [
        term
        if builder.shape(term) == target
        else _project(builder, term, target, f"{path}.fit_{k}")
        for k, term in numbered
    ]
    return builder.layer("Add", config or {}, fitted, path)


def concatenate(
    builder: PlanBuilder, terms: Sequence[int], path: str, config: Config | None = None
) -> int:
    """Concatenate branches along the channels.

    Branches that are larger than the smallest one pass through factorized reduction and batch
    normalization, which keep their channels. Zeros are only subsampled.

    Args:
        builder: The plan to append to.
        terms: Positions of the calls whose results are concatenated.
        path: Path of the concatenation.
        config: Settings of the layer, such as its name.

    Raises:
        BuildError: The branches have different numbers of axes.

    References:
        Zoph et al. 2018, NASNet, arXiv:1707.07012, appendix A.4.
    """
    if len(terms) == 1:
        return terms[0]
    target = _smallest(builder, terms, path, "concatenated")
    fitted = [
        term
        if builder.shape(term)[:-1] == target
        else _reduce(builder, term, target, f"{path}.fit_{k}")
        for k, term in enumerate(terms)
    ]
    return builder.layer("Concatenate", {"axis": -1, **(config or {})}, fitted, path)


def zeros(builder: PlanBuilder, source: int, shape: Shape, path: str) -> int | None:
    """Append zeros of a shape: the result of a call, scaled with 0 and subsampled.

    Returns:
        The position of the call; None if the channels differ, or the result is smaller than shape.
    """
    have = builder.shape(source)
    larger = any(size < wanted for size, wanted in zip(have, shape, strict=False))
    if len(have) != len(shape) or have[-1] != shape[-1] or larger:
        return None
    scaled = builder.layer("Rescaling", {"scale": 0.0}, (source,), path)
    result = _shrink(builder, scaled, shape[:-1], path)
    builder.zeros[result] = source
    return result


def factorized_reduction(
    builder: PlanBuilder, source: int, filters: int, strides: Shape, path: str
) -> int:
    """Reduce the size by two strided 1x1 convolutions, the second one shifted by one pixel.

    Unlike a single strided convolution, it uses information from pixels at both offsets.

    Args:
        builder: The plan to append to.
        source: Position of the call whose result is reduced.
        filters: Channels of the result; the first convolution has the smaller half.
        strides: One for each spatial axis.
        path: Path of the added layers.

    References:
        Zoph et al. 2018, NASNet, arXiv:1707.07012; Liu et al. 2019, DARTS, arXiv:1806.09055.
    """
    sizes = builder.shape(source)[:-1]
    shift = tuple((0, int(s > 1 and n > 1)) for n, s in zip(sizes, strides, strict=True))
    back = tuple((after, before) for before, after in shift)
    moved = _ends(builder, "ZeroPadding", "padding", source, shift, f"{path}.shift_pad")
    moved = _ends(builder, "Cropping", "cropping", moved, back, f"{path}.shift_crop")
    halves: list[int] = []
    for k, (start, width) in enumerate(((source, filters // 2), (moved, filters - filters // 2))):
        if width:
            kept = _skip(builder, start, strides, f"{path}.half_{k}")
            halves.append(_pointwise(builder, kept, width, f"{path}.half_{k}"))
    return (
        halves[0] if len(halves) == 1 else builder.layer("Concatenate", {"axis": -1}, halves, path)
    )


def _project(builder: PlanBuilder, term: int, target: Shape, path: str) -> int:
    """Project a term of a sum to a shape by a 1x1 convolution and batch normalization.

    In a sequence, a dense layer is the same function and propagates the mask.
    """
    small, width = _shrink(builder, term, target[:-1], path), target[-1]
    if len(target) <= 2:
        config = {"units": width, "use_bias": False}
        fitted = builder.layer("Dense", config, (small,), path)
    else:
        fitted = _pointwise(builder, small, width, path)
    return builder.layer("BatchNormalization", {}, (fitted,), f"{path}.bn")


def _reduce(builder: PlanBuilder, term: int, sizes: Shape, path: str) -> int:
    """Reduce a branch of a concatenation to a size, with unchanged channels."""
    if term in builder.zeros:
        return _shrink(builder, term, sizes, path)
    term, strides = _cut(builder, term, sizes, path)
    if max(strides) == 1:
        return term
    reduced = factorized_reduction(builder, term, builder.shape(term)[-1], strides, path)
    return builder.layer("BatchNormalization", {}, (reduced,), f"{path}.bn")


def _pointwise(builder: PlanBuilder, source: int, width: int, path: str) -> int:
    """Append a 1x1 convolution."""
    config = {"filters": width, "kernel_size": 1, "use_bias": False}
    return builder.layer(
        _ranked("Conv", len(builder.shape(source)) - 1, path), config, (source,), path
    )


def _shrink(builder: PlanBuilder, source: int, sizes: Shape, path: str) -> int:
    """Reduce the result of a call to a size by cropping and subsampling."""
    source, strides = _cut(builder, source, sizes, path)
    return _skip(builder, source, strides, path)


def _skip(builder: PlanBuilder, source: int, strides: Shape, path: str) -> int:
    """Subsample with strides."""
    if max(strides, default=1) == 1:
        return source
    config = {"pool_size": 1, "strides": strides}
    kind = _ranked("AveragePooling", len(strides), path)
    return builder.layer(kind, config, (source,), f"{path}.skip")


def _cut(builder: PlanBuilder, source: int, sizes: Shape, path: str) -> tuple[int, Shape]:
    """Crop both ends as far as no stride results in the size; return the remaining strides."""
    ends: list[tuple[int, int]] = []
    strides: list[int] = []
    for have, wanted in zip(builder.shape(source)[:-1], sizes, strict=True):
        stride = -(-have // wanted)
        if -(-have // stride) != wanted:
            stride = have // wanted
        excess = max(have - stride * wanted, 0)
        ends.append((excess // 2, excess - excess // 2))
        strides.append(stride)
    cut = _ends(builder, "Cropping", "cropping", source, tuple(ends), f"{path}.cut")
    return cut, tuple(strides)


def _ends(
    builder: PlanBuilder,
    layer: str,
    setting: str,
    source: int,
    ends: tuple[tuple[int, int], ...],
    path: str,
) -> int:
    """Pad or crop both ends of each axis, if necessary."""
    if not any(map(any, ends)):
        return source
    config = {setting: ends[0] if len(ends) == 1 else ends}
    return builder.layer(_ranked(layer, len(ends), path), config, (source,), path)


def _ranked(layer: str, rank: int, path: str) -> str:
    """Return the name of a Keras layer for a number of spatial axes."""
    if rank > 3:
        raise BuildError(
            f"the branches of {path!r} have different shapes and {rank} spatial axes, and Keras "
            "layers have at most three: use branches of one shape"
        )
    return f"{layer}{rank}D"


def _smallest(builder: PlanBuilder, terms: Sequence[int], path: str, what: str) -> Shape:
    """Return the smallest size of the branches along each spatial axis."""
    shapes = [builder.shape(term) for term in terms]
    if len(set(map(len, shapes))) != 1:
        raise BuildError(
            f"the branches of {path!r} cannot be {what}: their shapes are "
            f"{' and '.join(map(str, shapes))}; end all of them or none with a layer such as "
            "GlobalAveragePooling2D"
        )
    return tuple(map(min, zip(*(shape[:-1] for shape in shapes), strict=True)))
