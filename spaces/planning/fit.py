"""Merging branches whose shapes differ, and the layers that fit them.

All rules come down to Keras's own layers. Sizes are brought down to the smallest: by a stride that
gives it exactly, or else by cutting equally at both ends and a smaller stride.

A strided 1x1 convolution is, as in NASNet, pooling over single pixels and a convolution: the same
function as one layer would be, and safe where that is not (see `_plan`).
"""

from collections.abc import Sequence

from ..errors import BuildError
from .shapes import Shape
from .steps import Draft

__all__ = ["add", "concatenate", "factorized_reduction", "zeros"]


def add(draft: Draft, terms: Sequence[int], path: str) -> int:
    """Sum up branches; zeros fall away.

    Branches of another size than the smallest, or of other channels than the last, pass through a
    1x1 convolution with the stride that fits, and batch normalization; in vectors and sequences
    that is a dense layer.

    Raises:
        BuildError: The branches have different numbers of axes.

    References:
        He et al. 2015, Deep Residual Learning, arXiv:1512.03385, section 3.3, option B.
    """
    terms = [term for term in terms if term not in draft.zeros] or terms[-1:]
    if len(terms) == 1:
        return terms[0]
    target = (*_smallest(draft, terms, path, "summed up"), draft.shape(terms[-1])[-1])
    fitted = [
        term if draft.shape(term) == target else _project(draft, term, target, f"{path}.fit_{k}")
        for k, term in enumerate(terms)
    ]
    return draft.layer("Add", {}, fitted, path)


def concatenate(draft: Draft, terms: Sequence[int], path: str) -> int:
    """Put branches side by side along the channels.

    Branches of another size than the smallest are brought to it by factorized reduction and batch
    normalization, which keep their channels; zeros, by leaving pixels out.

    Raises:
        BuildError: The branches have different numbers of axes.

    References:
        Zoph et al. 2018, NASNet, arXiv:1707.07012, appendix A.4.
    """
    if len(terms) == 1:
        return terms[0]
    target = _smallest(draft, terms, path, "concatenated")
    fitted = [
        term
        if draft.shape(term)[:-1] == target
        else _reduce(draft, term, target, f"{path}.fit_{k}")
        for k, term in enumerate(terms)
    ]
    return draft.layer("Concatenate", {"axis": -1}, fitted, path)


def zeros(draft: Draft, source: int, shape: Shape, path: str) -> int | None:
    """Return zeros of a shape, made of a step's result by scaling it with 0 and leaving pixels out.

    Returns:
        The position of the step, or None where the channels differ or the sizes are larger.
    """
    have = draft.shape(source)
    larger = any(size < wanted for size, wanted in zip(have, shape, strict=False))
    if len(have) != len(shape) or have[-1] != shape[-1] or larger:
        return None
    nothing = draft.layer("Rescaling", {"scale": 0.0}, (source,), path)
    result = _shrink(draft, nothing, shape[:-1], path)
    draft.zeros[result] = source
    return result


def factorized_reduction(draft: Draft, source: int, filters: int, strides: Shape, path: str) -> int:
    """Reduce the size by two 1x1 convolutions side by side, the second one pixel further on.

    So no pixel's neighbourhood is lost, as it would be with one strided convolution.

    Args:
        draft: Where to append.
        source: The step whose result is reduced.
        filters: Channels of the result; the first convolution has the smaller half.
        strides: One for each spatial axis.
        path: Names the step.

    References:
        Zoph et al. 2018, NASNet, arXiv:1707.07012; Liu et al. 2019, DARTS, arXiv:1806.09055.
    """
    sizes = draft.shape(source)[:-1]
    shift = tuple((0, int(s > 1 and n > 1)) for n, s in zip(sizes, strides, strict=True))
    back = tuple((after, before) for before, after in shift)
    moved = _ends(draft, "ZeroPadding", "padding", source, shift, f"{path}.shift_pad")
    moved = _ends(draft, "Cropping", "cropping", moved, back, f"{path}.shift_crop")
    halves: list[int] = []
    for k, (start, width) in enumerate(((source, filters // 2), (moved, filters - filters // 2))):
        if width:
            kept = _skip(draft, start, strides, f"{path}.half_{k}")
            halves.append(_pointwise(draft, kept, width, f"{path}.half_{k}"))
    return halves[0] if len(halves) == 1 else draft.layer("Concatenate", {"axis": -1}, halves, path)


# ---------------------------------------------------------------- one branch


def _project(draft: Draft, term: int, target: Shape, path: str) -> int:
    """Bring a term of a sum to a shape by a 1x1 convolution and batch normalization.

    In a sequence a dense layer is the same function, and hands the sequence's mask on.
    """
    small, width = _shrink(draft, term, target[:-1], path), target[-1]
    if len(target) <= 2:
        config = {"units": width, "use_bias": False}
        fitted = draft.layer("Dense", config, (small,), path)
    else:
        fitted = _pointwise(draft, small, width, path)
    return draft.layer("BatchNormalization", {}, (fitted,), f"{path}.bn")


def _reduce(draft: Draft, term: int, sizes: Shape, path: str) -> int:
    """Bring a branch of a concatenation to a size, its channels staying."""
    if term in draft.zeros:
        return _shrink(draft, term, sizes, path)
    term, strides = _cut(draft, term, sizes, path)
    if max(strides) == 1:
        return term
    reduced = factorized_reduction(draft, term, draft.shape(term)[-1], strides, path)
    return draft.layer("BatchNormalization", {}, (reduced,), f"{path}.bn")


def _pointwise(draft: Draft, source: int, width: int, path: str) -> int:
    """Give every pixel so many channels: a 1x1 convolution."""
    config = {"filters": width, "kernel_size": 1, "use_bias": False}
    return draft.layer(_ranked("Conv", len(draft.shape(source)) - 1, path), config, (source,), path)


def _shrink(draft: Draft, source: int, sizes: Shape, path: str) -> int:
    """Bring a step's result to a size by cutting at the ends and leaving pixels out."""
    source, strides = _cut(draft, source, sizes, path)
    return _skip(draft, source, strides, path)


def _skip(draft: Draft, source: int, strides: Shape, path: str) -> int:
    """Leave pixels out."""
    if max(strides, default=1) == 1:
        return source
    config = {"pool_size": 1, "strides": strides}
    kind = _ranked("AveragePooling", len(strides), path)
    return draft.layer(kind, config, (source,), f"{path}.skip")


def _cut(draft: Draft, source: int, sizes: Shape, path: str) -> tuple[int, Shape]:
    """Cut at the ends what no stride can leave out; return the strides that do the rest."""
    ends: list[tuple[int, int]] = []
    strides: list[int] = []
    for have, wanted in zip(draft.shape(source)[:-1], sizes, strict=True):
        stride = -(-have // wanted)
        if -(-have // stride) != wanted:
            stride = have // wanted
        excess = max(have - stride * wanted, 0)
        ends.append((excess // 2, excess - excess // 2))
        strides.append(stride)
    cut = _ends(draft, "Cropping", "cropping", source, tuple(ends), f"{path}.cut")
    return cut, tuple(strides)


def _ends(
    draft: Draft,
    layer: str,
    setting: str,
    source: int,
    ends: tuple[tuple[int, int], ...],
    path: str,
) -> int:
    """Add or cut pixels at both ends of each axis, if there is anything to do."""
    if not any(map(any, ends)):
        return source
    config = {setting: ends[0] if len(ends) == 1 else ends}
    return draft.layer(_ranked(layer, len(ends), path), config, (source,), path)


def _ranked(layer: str, rank: int, path: str) -> str:
    """Return the name that Keras gives a layer for so many spatial axes."""
    if rank > 3:
        raise BuildError(
            f"{path!r} would have to fit data of {rank} spatial axes, and Keras has layers for one "
            "to three: let the branches keep one shape"
        )
    return f"{layer}{rank}D"


def _smallest(draft: Draft, terms: Sequence[int], path: str, what: str) -> Shape:
    """Return the smallest size that the branches have along each spatial axis."""
    shapes = [draft.shape(term) for term in terms]
    if len(set(map(len, shapes))) != 1:
        raise BuildError(
            f"the branches of {path!r} cannot be {what}: their shapes are "
            f"{' and '.join(map(str, shapes))}; end each of them alike, as with "
            "GlobalAveragePooling2D, or none"
        )
    return tuple(map(min, zip(*(shape[:-1] for shape in shapes), strict=True)))
