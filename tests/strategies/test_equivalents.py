"""`WithEquivalents`, and `Experiment(allow_equivalent=True)`."""

from pathlib import Path
from typing import Any

import pytest

from nasbridge import Architecture, Choice, Experiment, RandomSearch, layer
from nasbridge.spaces import Skip
from nasbridge.strategies import (
    HistoryError,
    Strategy,
    StrategyError,
    WithEquivalents,
    default_strategy,
)

SPACE = Choice({"none": Skip(), "also none": Skip(), "relu": layer("ReLU")})


def seconds(architecture: Architecture, trial: object) -> dict[str, float]:
    return {"seconds": float(len(next(iter(architecture.choices.values()))))}  # type: ignore[arg-type]


def experiment(strategy: Strategy[Any] | None, trials: int = 9, allow: bool = True) -> Experiment:
    objectives = {"seconds": "min"}
    return Experiment(SPACE, seconds, objectives, strategy, trials, allow_equivalent=allow)


@pytest.mark.parametrize("strategy", [None, RandomSearch(), WithEquivalents(RandomSearch())])
def test_equivalent_architectures_are_evaluated_on_request(strategy: Strategy[Any] | None) -> None:
    assert len(experiment(strategy).run()) == 3
    if strategy is None or not strategy.allow_equivalent:
        assert len(experiment(strategy, allow=False).run()) == 2


def test_the_setting_belongs_to_the_experiment_and_a_default_stays(tmp_path: Path) -> None:
    assert len(experiment(None, 2).run(directory=tmp_path)) == 2
    assert len(experiment(None, 30).run(directory=tmp_path)) == 3  # another default by itself
    with pytest.raises(HistoryError, match="WithEquivalents"):
        experiment(None, 30, allow=False).run(directory=tmp_path)


def test_a_default_strategy_is_wrapped_once() -> None:
    assert experiment(None).strategy is default_strategy(9, allow_equivalent=True)
    again = experiment(WithEquivalents(RandomSearch())).strategy
    assert again == WithEquivalents(RandomSearch())


def test_what_is_no_strategy_is_an_error() -> None:
    with pytest.raises(StrategyError, match="strategy='random'"):
        WithEquivalents("random")  # type: ignore[arg-type]
