"""Keras models built from architectures, under any Keras backend."""

from .builder import build
from .checking import check_layers, unknown_name
from .counting import count_parameters, flops
from .inference import infer_with_keras
from .names import layer_name

__all__ = [
    "build",
    "check_layers",
    "count_parameters",
    "flops",
    "infer_with_keras",
    "layer_name",
    "unknown_name",
]
