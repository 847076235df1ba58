"""A tiny table whose measures can be computed by hand."""

import numpy
import pytest

from nasbridge import Choice, Integer, Space
from nasbridge.bench import Budget, Table
from nasbridge.strategies import Objective

SPACE = Space({"operation": Choice(["conv", "pool", "skip"]), "width": Integer(1, 4)})
LOSSES = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.5, 1.0, 0.5, 0.25]


@pytest.fixture
def table() -> Table:
    """Twelve architectures; the best is a skip of width 4."""
    return Table("toy", SPACE, (Objective("loss", "min"),), {"loss": numpy.array(LOSSES)})


@pytest.fixture
def costly() -> Table:
    """The same table, where an evaluation takes ten seconds times the width."""
    seconds = numpy.tile([10.0, 20.0, 30.0, 40.0], 3)
    test = 100 - numpy.array(LOSSES)
    columns = {"loss": numpy.array(LOSSES), "seconds": seconds, "test": test}
    objectives = (Objective("loss", "min"),)
    return Table("toy", SPACE, objectives, columns, cost="seconds", shown=("test",))


@pytest.fixture
def pair() -> Table:
    """The same table with a second objective, which conflicts with the first."""
    latency = numpy.arange(12.0)
    objectives = (Objective("loss", "min"), Objective("latency", "min"))
    columns = {"loss": numpy.array(LOSSES), "latency": latency}
    return Table("toy", SPACE, objectives, columns, scales=((0.25, 9.0), (0.0, 11.0)))


@pytest.fixture
def budget() -> Budget:
    """Six evaluations."""
    return Budget("queries", 6)
