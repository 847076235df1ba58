"""Ready search spaces, from multilayer perceptrons to the spaces of NAS papers."""

from .convolutional import cnn
from .darts_cells import darts
from .darts_genotypes import from_darts_genotype, to_darts_genotype
from .nas_bench_201_cells import nas_bench_201
from .nas_bench_201_strings import from_nas_bench_201_string, to_nas_bench_201_string
from .nasnet_cells import enas_micro, nasnet
from .perceptrons import mlp
from .residual_networks import residual_cnn
from .tabular_networks import tabular

__all__ = [
    "cnn",
    "darts",
    "enas_micro",
    "from_darts_genotype",
    "from_nas_bench_201_string",
    "mlp",
    "nas_bench_201",
    "nasnet",
    "residual_cnn",
    "tabular",
    "to_darts_genotype",
    "to_nas_bench_201_string",
]
