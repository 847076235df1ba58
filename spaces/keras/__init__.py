"""Networks of Keras, built from architectures; any Keras backend will do."""

from ._build import build
from ._flops import count_parameters, flops
from ._names import layer_name

__all__ = ["build", "count_parameters", "flops", "layer_name"]
