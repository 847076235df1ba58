"""Networks of Keras, built from architectures; any Keras backend will do."""

from .builder import build
from .counting import count_parameters, flops
from .names import layer_name

__all__ = ["build", "count_parameters", "flops", "layer_name"]
