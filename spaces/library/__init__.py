"""Ready spaces, from multilayer perceptrons to those of the papers."""

from .darts_cells import darts
from .genotypes import from_darts_genotype, to_darts_genotype
from .nasbench201 import from_nas_bench_201_string, nas_bench_201, to_nas_bench_201_string
from .nasnet_cells import enas_micro, nasnet
from .perceptron import mlp
from .plain import cnn
from .residual import residual_cnn
from .tables import tabular

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
