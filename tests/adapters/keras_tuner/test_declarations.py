# pyright: basic
"""Declarations that Keras Tuner would ignore."""

from pathlib import Path
from typing import Any

import keras_tuner
import pytest
from keras_tuner.errors import FatalValueError

from nasbridge import RandomSearch, TooManyFailures
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner

NO_MODEL: Any = None  # `run_trial` declares the hyperparameters


class Units(NASTuner):
    """Declares a hyperparameter as its class attribute says."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        return {"score": declare(trial.hyperparameters)}


def declare(hp: Any) -> float:
    hp.Int("units", 32, 64)
    return float(hp.Int("units", 2, 8))


def tuner(directory: Path, values: list[int], trials: int) -> NASTuner:
    class Chosen(NASTuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            hp = trial.hyperparameters
            hp.Float("rate", 0.1, 0.3, step=0.1)
            return {"score": float(hp.Choice("units", values))}

    objective = keras_tuner.Objective("score", "max")
    return Chosen(NO_MODEL, objective, trials, strategy=RandomSearch(), directory=directory)


def test_one_name_with_two_domains_ends_the_search(tmp_path: Path) -> None:
    objective = keras_tuner.Objective("score", "max")
    search = Units(NO_MODEL, objective, 3, strategy=RandomSearch(), directory=tmp_path)
    message = r"'units' is declared as .*max_value: 8.*before.*max_value: 64"
    with pytest.raises(FatalValueError, match=message):
        search.search()


def test_a_wider_declaration_of_a_resumed_project_is_refused(tmp_path: Path) -> None:
    tuner(tmp_path, [4, 8], 3).search()
    with pytest.raises(FatalValueError, match=r"'units' is declared as .*16.*another project_name"):
        tuner(tmp_path, [4, 8, 16], 6).search()
    again = tuner(tmp_path, [4, 8], 6)
    again.search()
    assert len(again.history) == 6


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras Tuner, emitted again by pytest
def test_an_exhausted_project_says_that_declarations_were_not_read(tmp_path: Path) -> None:
    tuner(tmp_path, [4, 8], 9).search()
    with pytest.warns(UserWarning, match=r"Choice\(name: 'units'.*was not read"):
        tuner(tmp_path, [4, 8, 16], 20).search()


def test_a_plain_tuner_with_our_oracle_is_checked_too(tmp_path: Path) -> None:
    class Plain(keras_tuner.Tuner):  # type: ignore[misc]
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            return {"score": declare(trial.hyperparameters)}

    oracle = NASOracle(keras_tuner.Objective("score", "max"), 3, strategy=RandomSearch())
    with pytest.raises(FatalValueError, match="'units'"):
        Plain(oracle, directory=str(tmp_path)).search()


def test_a_search_whose_space_was_used_up_by_failures_is_an_error(tmp_path: Path) -> None:
    class Failing(NASTuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            trial.hyperparameters.Choice("units", [1, 2, 3])
            raise ValueError("boom")

    search = Failing(NO_MODEL, keras_tuner.Objective("s", "max"), 20, directory=tmp_path)
    with pytest.raises(TooManyFailures, match="all 3 trials failed, with ValueError: boom"):
        search.search()
