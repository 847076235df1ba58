# pyright: basic
"""Small AutoModels for the tests of the native integration."""

from pathlib import Path
from typing import Any

import autokeras
import numpy
import pytest

from nasbridge import (
    Chain,
    Choice,
    History,
    Integer,
    RegularizedEvolution,
    Repeat,
    Search,
    layer,
)
from nasbridge.adapters.autokeras import NASBlock, NASTuner

EVOLUTION = RegularizedEvolution(population=3, sample=2)
RNG = numpy.random.default_rng(0)


class AutoModels:
    """Makes AutoModels that search a small space, and fits them on random data of 3 classes."""

    evolution = EVOLUTION
    space = Chain(
        Repeat(
            Choice(
                {"dense": layer("Dense", units=Integer(2, 9)), "relu": layer("ReLU")}, name="op"
            ),
            times=Integer(1, 3, name="depth"),
        ),
    )
    x, y = RNG.random((24, 6), "float32"), RNG.integers(3, size=24)

    @staticmethod
    def head() -> autokeras.ClassificationHead:
        return autokeras.ClassificationHead(name="head")

    def make(self, directory: Path, *blocks: NASBlock, **settings: Any) -> Any:
        """Return an AutoModel with these blocks in a row, or with one block of the space."""
        source = autokeras.Input(name="source")
        flow: Any = source
        for block in blocks or [NASBlock(self.space)]:
            flow = block(flow)
        standard: dict[str, Any] = {
            "tuner": NASTuner,
            "strategy": self.evolution,
            "objective": "val_loss",
            "max_trials": 5,
            "seed": 3,
        }
        output = self.head()(flow)
        return autokeras.AutoModel(source, output, directory=directory, **standard | settings)

    def fit(self, model: Any, x: Any = x, y: Any = y, epochs: int = 1, **more: Any) -> Any:
        """Fit an AutoModel and return it."""
        model.fit(x, y, epochs=epochs, verbose=0, **more)
        return model

    @staticmethod
    def results(history: History) -> list[dict[str, Any]]:
        """Return the choices and values of all trials."""
        return [{**t.architecture.choices, **t.values} for t in history]

    @staticmethod
    def assert_equals_a_bare_search(history: History, strategy: Any = EVOLUTION) -> None:
        search = Search(strategy, history.space, history.objectives, history.seed)
        for trial in history:
            assert search.ask(trial.number).choices == trial.architecture.choices
            search.tell(trial)


@pytest.fixture
def auto() -> AutoModels:
    return AutoModels()
