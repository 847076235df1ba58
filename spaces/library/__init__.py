"""Ready spaces, from multilayer perceptrons to those of the papers."""

from ._cnn import cnn
from ._darts import darts
from ._genotypes import from_darts_genotype, to_darts_genotype
from ._mlp import mlp
from ._nas_bench_201 import from_nas_bench_201_string, nas_bench_201, to_nas_bench_201_string
from ._nasnet import enas_micro, nasnet
from ._residual_cnn import residual_cnn
from ._tabular import tabular

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
