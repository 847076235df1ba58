"""Options of `variants_of`, checked once."""

from dataclasses import dataclass

from ..errors import SpaceError

__all__ = ["VariantOptions"]

NORMALIZATIONS = ("batch", "layer", "none")


@dataclass(frozen=True)
class VariantOptions:
    """Which properties of a model vary; see `variants_of` for the arguments.

    Raises:
        SpaceError: An option is invalid.
    """

    widths: tuple[float, ...]
    kernels: tuple[int, ...]
    activations: tuple[str, ...]
    normalizations: tuple[str, ...]
    deeper: int
    skips: bool
    model_first: bool

    def __post_init__(self) -> None:
        for name in self.normalizations:
            if name not in NORMALIZATIONS:
                raise SpaceError(
                    f"normalizations={list(self.normalizations)} contains {name!r}: choose from "
                    f"{NORMALIZATIONS}"
                )
        if any(factor <= 0 for factor in self.widths):
            raise SpaceError(f"widths={list(self.widths)}: each must be above 0")
        if any(size < 1 for size in self.kernels):
            raise SpaceError(f"kernels={list(self.kernels)}: each must be at least 1")
        if self.deeper < 0:
            raise SpaceError(f"deeper={self.deeper}: it must be at least 0")
