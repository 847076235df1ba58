# pyright: basic
"""Native integration: `NASSearcher` in `TabularPredictor.fit`, with models that train nothing.

test_model.py tests `KerasModel`.
"""

import copy
import math
import pickle
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy
import pandas
import pytest
from autogluon.common import space as native
from autogluon.core.models import AbstractModel
from autogluon.tabular import TabularPredictor

from nasbridge import (
    BackendError,
    Choice,
    Experiment,
    History,
    Integer,
    RandomSearch,
    RegularizedEvolution,
    Search,
    Space,
    Trial,
)
from nasbridge import testing as material
from nasbridge.adapters.autogluon import (
    ArchitectureSpace,
    NASSearcher,
    TorchModel,
    architecture_from,
    from_native,
    load,
    to_native,
)
from nasbridge.spaces import When
from nasbridge.testing import SPACES, comparable, weight

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("autogluon")]

EVOLUTION = RegularizedEvolution(population=4, sample=2)
RNG = numpy.random.default_rng(0)
TABLE = pandas.DataFrame({"a": RNG.random(60), "b": RNG.random(60), "y": RNG.random(60) / 1000})


class Stub(AbstractModel):  # type: ignore[misc]  # AutoGluon's classes are Any here
    """Predicts the score of its architecture, so that its error is the score, and trains nothing.

    If `fails`, it raises for the architectures whose `fate` is "failed".
    """

    ag_name = "Stub"
    fails = False
    _default_ag_args_ensemble_extra: ClassVar = {"fold_fitting_strategy": "sequential_local"}

    def _fit(self, X: Any, y: Any, time_limit: float | None = None, **kwargs: Any) -> None:
        architecture = self._get_model_params()["architecture"]
        if self.fails and material.fate(architecture) == "failed":
            raise MemoryError(f"no memory for {architecture.key}")
        self.model = material.score(architecture)["score"]
        self.granted = time_limit

    def _predict_proba(self, X: Any, **kwargs: Any) -> Any:
        return numpy.full(len(X), self.model)


class Failing(Stub):
    ag_name = "Failing"
    fails = True


class Flat(Stub):
    """A model with plain hyperparameters, like the models of AutoGluon."""

    ag_name = "Flat"

    def _fit(self, X: Any, y: Any, time_limit: float | None = None, **kwargs: Any) -> None:
        params = self._get_model_params()
        assert {type(params["depth"]), type(params["kind"])} == {int, str}
        self.model = sum(weight(name, repr(params[name])) for name in ("depth", "kind", "rate"))


def tuned(searcher: Any, trials: int | None = 6, **open_: Any) -> dict[str, Any]:
    tuning = {"scheduler": "local", "searcher": searcher}
    tuning |= {} if trials is None else {"num_trials": trials}
    return {**open_, "ag_args": {"hyperparameter_tune_kwargs": tuning}}


def fitted(place: Path, models: dict[Any, Any], **settings: Any) -> Any:
    path = str(place / "predictor")
    predictor: Any = TabularPredictor("y", "regression", path=path, verbosity=0)
    standard = {"fit_weighted_ensemble": False, "dynamic_stacking": False}
    return predictor.fit(TABLE, hyperparameters=models, **standard | settings)


def searched(
    place: Path, searcher: NASSearcher, space: Any, trials: int | None = 6, **settings: Any
) -> Any:
    open_ = {"architecture": ArchitectureSpace(space)}
    model = settings.pop("model", Stub)
    return fitted(place, {model: tuned(searcher, trials, **open_)}, **settings)


def hyperparameters(predictor: Any, model: str) -> dict[str, Any]:
    return dict(predictor._trainer.load_model(model).get_params()["hyperparameters"])


def assert_equals_local(history: History, strategy: Any = EVOLUTION) -> None:
    """Check that `local` proposes the same, given the same values."""
    values = {trial.architecture.key: dict(trial.values) for trial in history}

    def evaluate(architecture: Any, trial: Any) -> Any:
        return values[architecture.key]

    objectives = {objective.metric: objective.direction for objective in history.objectives}
    local = Experiment(
        history.space, evaluate, objectives, strategy, len(history), seed=history.seed
    ).run("local")
    assert comparable(local) == comparable(history)


@pytest.mark.parametrize("space", SPACES)
def test_proposals_are_those_of_local(tmp_path: Path, space: str) -> None:
    searcher = NASSearcher(SPACES[space](), strategy=EVOLUTION, seed=3)
    predictor = searched(tmp_path, searcher, SPACES[space](), trials=12)
    history = searcher.history
    assert [trial.state for trial in history] == ["complete"] * 12
    assert_equals_local(history)
    board = predictor.leaderboard().set_index("model")
    for trial in history:
        assert trial.values["score_val"] == board.loc[f"Stub/T{trial.number + 1}", "score_val"]
        assert trial.values["score_val"] == pytest.approx(
            -material.score(trial.architecture)["score"], abs=1e-3
        )
        assert trial.seconds is not None
    for found in (load(predictor), load(predictor.path), load(Path(predictor.path, "models/Stub"))):
        assert comparable(found) == comparable(history)


def test_the_global_setting_is_supported(tmp_path: Path) -> None:
    searcher = NASSearcher(strategy=RandomSearch())  # the space is that of the model
    tuning = {"scheduler": "local", "searcher": searcher, "num_trials": 2}
    open_ = {"architecture": ArchitectureSpace(material.chain())}
    fitted(tmp_path, {Stub: open_}, hyperparameter_tune_kwargs=tuning)
    assert_equals_local(searcher.history, RandomSearch())


def test_a_search_continues_another_one(tmp_path: Path) -> None:
    first, space = NASSearcher(strategy=EVOLUTION), material.chain()
    searched(tmp_path / "a", first, space, 5)
    killed = replace(first.history, trials=(*first.history, Trial(5, next(space.enumerate()))))
    second = NASSearcher(strategy=EVOLUTION, history=killed)  # the running trial is repeated
    predictor = searched(tmp_path / "b", second, space, 4)
    assert [trial.number for trial in second.history] == list(range(9))
    assert_equals_local(second.history)
    assert len(predictor.model_names()) == 4
    assert comparable(load(predictor)) == comparable(second.history)


def test_a_search_continues_in_its_own_folder(tmp_path: Path) -> None:
    """A new search begins a new file, and keeps the old one under another name."""
    searched(tmp_path, NASSearcher(strategy=EVOLUTION), material.chain(), 3)
    (file,) = tmp_path.rglob("history.jsonl")
    second = NASSearcher(strategy=EVOLUTION, history=History.load(file))
    predictor = searched(tmp_path, second, material.chain(), 2)
    assert len(second.history) == 5
    assert comparable(load(predictor)) == comparable(second.history)
    assert not list(tmp_path.rglob("history.before.jsonl"))
    other = NASSearcher(strategy=EVOLUTION, seed=8)
    assert len(load(searched(tmp_path, other, material.chain(), 2))) == 2
    (kept,) = tmp_path.rglob("history.before.jsonl")
    assert comparable(History.load(kept)) == comparable(second.history)


def test_a_clock_may_step_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hours, clock = iter(range(10**6)), time.time
    monkeypatch.setattr(time, "time", lambda: clock() - 3600 * next(hours))
    searcher = NASSearcher(strategy=EVOLUTION)
    predictor = searched(tmp_path, searcher, material.chain(), 6)
    assert_equals_local(searcher.history)
    assert comparable(load(predictor)) == comparable(searcher.history)


def test_an_exhausted_space_ends_the_search(tmp_path: Path) -> None:
    searcher = NASSearcher(strategy=RandomSearch())
    searched(tmp_path, searcher, material.few(), 30)
    forms = {architecture.canonical for architecture in material.few().enumerate()}
    assert sorted(t.architecture.canonical for t in searcher.history) == sorted(forms)


def test_constraints_hold_and_need_not_be_pickled(tmp_path: Path) -> None:
    space = material.chain().where(lambda architecture: architecture["depth"] > 1)
    searcher = NASSearcher(strategy=EVOLUTION)
    predictor = searched(tmp_path, searcher, space)
    assert all(trial.architecture["depth"] > 1 for trial in searcher.history)
    again = TabularPredictor.load(predictor.path, verbosity=0)
    assert (again.predict(TABLE) == predictor.predict(TABLE)).all()


def test_failures_are_recorded_and_never_repeated(tmp_path: Path) -> None:
    searcher = NASSearcher(strategy=RandomSearch(), seed=1)
    predictor = searched(tmp_path, searcher, material.chain(), 9, model=Failing)
    history = searcher.history
    fates = [material.fate(trial.architecture) for trial in history]
    assert [trial.state for trial in history] == fates
    assert 0 < fates.count("failed") < 9
    for trial in history.of_state("failed"):
        assert not trial.values
        assert trial.notes["error"] == f"MemoryError: no memory for {trial.architecture.key}"
        assert "_fit" in trial.notes["traceback"]
    assert len(predictor.model_names()) == fates.count("complete")
    assert comparable(load(predictor)) == comparable(history)


def test_failures_in_a_row_end_the_search(tmp_path: Path) -> None:
    space = material.chain().where(lambda a: material.fate(a) == "failed")
    searcher = NASSearcher(strategy=RandomSearch(), max_failures=3)
    searched(tmp_path, searcher, space, 9, model=Failing, raise_on_no_models_fitted=False)
    assert [trial.state for trial in searcher.history] == ["failed"] * 3
    assert searcher.get_best_config() == {}
    assert searcher.get_best_reward() == -math.inf


def test_only_the_best_are_kept(tmp_path: Path) -> None:
    searcher = NASSearcher(strategy=EVOLUTION, keep=2)
    predictor = searched(tmp_path, searcher, material.chain(), 7)
    best = sorted(searcher.history, key=lambda trial: -trial.values["score_val"])[:2]
    kept = {f"Stub/T{trial.number + 1}" for trial in best}
    assert set(predictor.model_names()) == kept
    folders = Path(predictor.path, "models", "Stub").glob("T*")
    assert {f"Stub/{folder.name}" for folder in folders} == kept
    assert len(load(predictor)) == 7


def test_several_objectives_have_a_front(tmp_path: Path) -> None:
    objectives = {"score_val": "max", "disk_usage": "min"}
    searcher = NASSearcher(strategy=EVOLUTION, objectives=objectives, keep=1)
    predictor = searched(tmp_path, searcher, material.chain(), 7)
    history = load(predictor)
    assert all(trial.values["pred_time_val"] > 0 for trial in history)
    points = [(-t.values["score_val"], t.values["disk_usage"]) for t in history]
    expected = {
        p for p in points if not any(o != p and o[0] <= p[0] and o[1] <= p[1] for o in points)
    }
    assert {(-t.values["score_val"], t.values["disk_usage"]) for t in history.pareto} == expected
    (name,) = predictor.model_names()
    assert name in {f"Stub/T{trial.number + 1}" for trial in history.pareto}


def test_a_metric_that_a_model_does_not_have_is_a_failure(tmp_path: Path) -> None:
    searcher = NASSearcher(strategy=EVOLUTION, objectives={"score_val": "max", "parameters": "min"})
    searched(tmp_path, searcher, material.few(), 1, raise_on_no_models_fitted=False)
    assert "has no ['parameters']" in searcher.history[0].notes["error"]


def test_a_trial_may_take_twice_its_share_of_the_time(tmp_path: Path) -> None:
    def granted(space: Any, trials: int | None, seconds: float | None, **limits: Any) -> float:
        searcher = NASSearcher(strategy=RandomSearch(), trial_seconds=seconds)
        place = tmp_path / f"{trials} {seconds}"
        predictor = searched(place, searcher, space, trials, **limits)
        return float(predictor._trainer.load_model("Stub/T1").granted)

    assert 15 < granted(material.chain(), 8, None, time_limit=100) < 100 * 2 / 8
    assert 5 < granted(material.few(), None, None, time_limit=100) < 100 * 2 / 20
    assert (
        granted(material.few(), 1000, None, time_limit=1000) < 1000 * 2 / 1000
    )  # the given number, not that of the space
    assert 5 < granted(material.chain(), 2, 7) <= 7


def test_bags_train_in_this_process_and_each_level_has_its_own_search(tmp_path: Path) -> None:
    import ray

    searcher = NASSearcher(strategy=EVOLUTION)
    predictor = searched(
        tmp_path, searcher, material.chain(), 5, num_bag_folds=2, num_stack_levels=1
    )
    assert not ray.is_initialized()
    assert list(searcher.histories) == ["Stub_BAG_L1", "Stub_BAG_L2"]
    one, two = searcher.histories.values()
    assert one[0].architecture == two[0].architecture
    for history in (one, two):
        assert_equals_local(history)
    assert len(predictor.model_names()) == 10
    with pytest.raises(BackendError, match="holds several searches: give one of"):
        load(predictor)


def test_copies_are_the_searcher_itself_and_pickled_ones_are_new(tmp_path: Path) -> None:
    searcher = NASSearcher(material.chain(), strategy=EVOLUTION, seed=5, keep=3)
    searched(tmp_path, searcher, material.chain(), 2)
    assert copy.deepcopy(searcher) is searcher
    other = pickle.loads(pickle.dumps(searcher))
    assert (other.strategy, other.seed, other.keep) == (EVOLUTION, 5, 3)
    assert other.space == searcher.space
    assert not other.searches
    assert len(searcher.get_results()) == 2
    assert searcher.get_results()[0][1] == searcher.get_best_reward()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"objectives": {"accuracy": "max"}},
            r"does not measure 'accuracy': choose objectives from.*score_val",
        ),
        ({"objectives": {"score_val": "min"}}, "prefers the higher one"),
        ({"keep": 0}, "keep=0: give at least 1"),
        ({"trial_seconds": -1}, "trial_seconds=-1"),
    ],
)
def test_invalid_settings_are_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BackendError, match=message):
        NASSearcher(**settings)
    with pytest.raises(BackendError, match="has no trials yet"):
        _ = NASSearcher().history


OPEN: dict[str, Any] = {
    "depth": native.Int(1, 4),
    "kind": native.Categorical("relu", "elu"),
    "rate": native.Real(1e-3, 1e-1, log=True),
}


def test_the_open_hyperparameters_of_any_model_are_a_space(tmp_path: Path) -> None:
    searcher = NASSearcher(strategy=EVOLUTION)
    predictor = fitted(tmp_path, {Flat: tuned(searcher, 8, **OPEN, fixed=3)})
    assert_equals_local(searcher.history)
    best = hyperparameters(predictor, predictor.model_best)
    assert architecture_from(best, searcher.history.space) == searcher.history.best.architecture
    assert best["fixed"] == 3


def test_a_conditional_space_is_flat_in_autogluon(tmp_path: Path) -> None:
    rate = When(Choice([0.1, 0.5]), ({"kind": ("relu",)},))
    space = Space({"depth": Integer(1, 4), "kind": Choice(["relu", "elu"]), "rate": rate})
    searcher = NASSearcher(space, strategy=EVOLUTION)
    predictor = fitted(tmp_path, {Flat: tuned(searcher, 6, **to_native(space))})
    assert_equals_local(searcher.history)
    for trial in searcher.history:
        params = hyperparameters(predictor, f"Flat/T{trial.number + 1}")
        assert params["rate"] == trial.architecture.get("rate", 0.1)


def test_autogluons_network_is_searched(tmp_path: Path) -> None:
    space = Space({"num_layers": Integer(1, 3), "activation": Choice(["relu", "elu"])})
    searcher = NASSearcher(space, strategy=RandomSearch())
    settings = {"num_epochs": 2, "hidden_size": 8}
    predictor = fitted(tmp_path, {TorchModel: tuned(searcher, 2, **to_native(space), **settings)})
    assert sorted(predictor.model_names()) == ["TorchModel/T1", "TorchModel/T2"]
    assert_equals_local(searcher.history, RandomSearch())


def test_kinds_of_autogluon_become_a_space() -> None:
    space = from_native({**OPEN, "norm": native.Bool(), "fixed": 3})
    assert {d.name: str(d.domain) for d in space.decisions} == {
        "depth": "an integer from 1 to 4",
        "kind": "one of 'relu', 'elu'",
        "rate": "a number from 0.001 to 0.1",
        "norm": "an integer from 0 to 1",
    }
    with pytest.raises(BackendError, match=r"no hyperparameter of \['fixed'\] is open"):
        from_native({"fixed": 3})
    assert from_native(ArchitectureSpace(material.cell())) == material.cell()


def test_what_autogluon_draws_is_an_architecture() -> None:
    """Also with steps, explicit labels and ranges of one number."""
    space = Space(
        {
            "step": Integer(2, 9, step=3),
            "one": Integer(4, 4),
            "size": Choice({"small": 16, "big": 64}),
        }
    )
    flat: Any = to_native(space)
    assert [d.domain for d in from_native(flat).decisions] == [d.domain for d in space.decisions]
    drawn = {"step": flat["step"].data[1], "one": 4, "size": flat["size"].data[1]}
    made = architecture_from(drawn, space)
    assert dict(made.choices) == {"step": 5, "one": 4, "size": "big"}
    assert Search(EVOLUTION, from_native(flat), {"x": "max"}).ask(0)["step"] in (2, 5, 8)


def test_a_space_beside_open_hyperparameters_is_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_ = {"architecture": ArchitectureSpace(material.few()), "rate": native.Real(0.1, 1)}
    with pytest.raises(RuntimeError, match="No models were trained"):
        fitted(tmp_path, {Stub: tuned(NASSearcher(), 2, **open_)})
