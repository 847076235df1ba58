# pyright: basic
# AutoGluon ships no types that can be relied on.
"""`KerasModel`: a model of AutoGluon that trains the networks of a space."""

import math
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy
from autogluon.core.models import AbstractModel

from ...engine.errors import BackendError
from ...spaces import Architecture, MissingExtra, SpaceError, library
from .space import ArchitectureSpace, architecture_from, bare
from .table import NUMERIC, TableEncoder, TargetEncoder

__all__ = ["CELL", "KerasModel", "keras_part"]

DEFAULTS: Mapping[str, Any] = {
    "architecture": None,  # an Architecture, or an ArchitectureSpace to search
    "epochs": 100,
    "patience": 12,
    "batch_size": 0,  # 0: by the number of rows
    "horizon": 0,  # epochs over which the learning rate falls; 0: all
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "embedding": 8,  # width of each category; 0: one input each
    "numeric": "standard",
    "seed": 0,
}
FIXED = ("architecture", "epochs", "horizon", "seed")  # settings that a space cannot search
SPACE = "space"  # the space of flat hyperparameters, for AutoGluon's own searchers
CELL = 22  # bytes per cell while a table becomes arrays: two of 8, one of 4, and masks
RUNTIME = 600_000_000  # bytes of Keras with a Keras backend


class KerasModel(AbstractModel):
    """A model of AutoGluon for tables that trains networks of a space, under any Keras backend.

    It supports numeric, categorical and boolean columns, missing values, and binary, multiclass
    and regression problems. It stops early by AutoGluon's validation set and metric, keeps time
    limits, and is pickled as settings and weights, so another Keras backend can load it.

    Hyperparameters: `architecture`, `epochs`, `patience`, `batch_size`, `optimizer`,
    `learning_rate`, `weight_decay`, `embedding` (width of each category, 0 for one input each) and
    `numeric` ("standard" or "quantile"). In a `Space`, values with these names are searched
    together with the network. `{"space": space, **to_native(space)}` instead of an architecture
    lets AutoGluon's random searcher choose.

    Example:
        `TabularPredictor("y").fit(table, hyperparameters={KerasModel: {"epochs": 50}})`
    """

    ag_key = "NASBRIDGE_KERAS"
    ag_name = "KerasModel"
    ag_priority = 40
    seed_name = "seed"
    _supported_problem_types: ClassVar = ["binary", "multiclass", "regression"]
    _default_auxiliary_params_extra: ClassVar = {
        "valid_raw_types": ["bool", "int", "float", "category"]
    }
    # With Ray installed, AutoGluon starts a process for each fold, which takes longer than the
    # training of a small network.
    _default_ag_args_ensemble_extra: ClassVar = {"fold_fitting_strategy": "sequential_local"}
    default_resources_physical_cores_only = True
    is_light = True  # unpickling does not build the network

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.measured: dict[str, float] = {}
        self._table: TableEncoder | None = None
        self._target: TargetEncoder | None = None
        self._architecture: Architecture | None = None
        self._embedding = 0
        self._weights: list[Any] | None = None

    def _set_default_params(self) -> None:
        for name, value in DEFAULTS.items():
            self._set_default_param_value(name, value)

    def _get_default_stopping_metric(self) -> Any:
        return self.eval_metric

    def _more_tags(self) -> dict[str, bool]:
        return {"can_refit_full": True}

    def _fit(
        self,
        X: Any,
        y: Any,
        X_val: Any = None,
        y_val: Any = None,
        time_limit: float | None = None,
        sample_weight: Any = None,
        sample_weight_val: Any = None,
        **kwargs: Any,
    ) -> None:
        began = time.monotonic()
        keras = keras_part()
        params = _settled(self._get_model_params())
        self._architecture, self._embedding = params["architecture"], int(params["embedding"])
        table, target = self.preprocess(X, y=y, is_train=True), y.to_numpy()
        self._table = TableEncoder(table, params["numeric"], embed=self._embedding > 0)
        self._embedding = (
            self._embedding or 8
        )  # for columns with too many categories for one input each
        self._target = TargetEncoder(target, self.problem_type, self.num_classes or 1)
        keras.keras.utils.set_random_seed(int(params["seed"] or 0))
        self.model = self._network()
        score = None
        if X_val is not None and len(X_val):
            score = self._score_of(X_val, y_val, sample_weight_val)
        batch_size = int(params["batch_size"]) or _batch_size(len(table))
        how = keras.Training(
            epochs=int(params["epochs"]),
            patience=int(params["patience"]),
            batch_size=batch_size,
            optimizer=params["optimizer"],
            learning_rate=float(params["learning_rate"]),
            weight_decay=float(params["weight_decay"]),
            deadline=math.inf if time_limit is None else began + time_limit,
            horizon=float(params["horizon"]),
        )
        weights = None if sample_weight is None else numpy.asarray(sample_weight, "float32")
        best, horizon = keras.train(
            self.model,
            self._table.arrays(table),
            self._target.array(target),
            self._target.loss,
            weights,
            score,
            how,
        )
        # refit_full trains on all rows without validation, with these settings.
        self.params_trained |= {"epochs": best, "batch_size": batch_size, "horizon": horizon}
        self._weights = self.model.get_weights()
        self.measured = {"parameters": float(self.model.count_params()), "epochs": float(best)}

    def _score_of(self, X: Any, y: Any, weights: Any) -> Any:
        """Return a function that scores a network by AutoGluon's metric."""
        assert self._table is not None
        inputs = self._table.arrays(self.preprocess(X))
        metric: Any = self.stopping_metric

        def score(model: Any) -> float:
            predicted = self._predicted(model, inputs)
            if not numpy.isfinite(predicted).all():
                return -math.inf
            return float(
                self.score_with_y_pred_proba(y, predicted, metric=metric, sample_weight=weights)
            )

        return score

    def _predict_proba(self, X: Any, **kwargs: Any) -> Any:
        assert self._table is not None
        if self.model is None:  # just loaded
            self.model = self._network()
            self.model.set_weights(self._weights)
        inputs = self._table.arrays(self.preprocess(X, **kwargs))
        return self._predicted(self.model, inputs)

    def _predicted(self, model: Any, inputs: Mapping[str, Any]) -> Any:
        assert self._target is not None
        return self._target.predictions(keras_part().outputs(model, inputs))

    def _network(self) -> Any:
        return keras_part().network(self._architecture, self._table, self._target, self._embedding)

    def to_keras(self) -> Any:
        """Return the trained `keras.Model`; its inputs are the arrays of `TableEncoder`."""
        if self.model is None:
            self.model = self._network()
            self.model.set_weights(self._weights)
        return self.model

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "model": None}  # the weights are enough

    def is_fit(self) -> bool:
        """Return whether the model has been trained; its network is built on first use."""
        return self._weights is not None

    @classmethod
    def _estimate_memory_usage_static(
        cls, *, X: Any, hyperparameters: dict[str, Any] | None = None, **kwargs: Any
    ) -> int:
        """Estimate the peak memory of training, in bytes.

        The sum of Keras itself, two copies of the table, its arrays, and the weights four times:
        with their gradients and the two moments of Adam.
        """
        table = int(X.memory_usage(index=False).sum())
        try:
            architecture = _settled(hyperparameters or {})["architecture"]
            size = architecture.cost((max(2 * X.shape[1], 1),)).parameters
        except (SpaceError, BackendError):  # training reports the error
            size = 0
        return RUNTIME + 2 * table + CELL * X.shape[0] * X.shape[1] + 16 * size


def keras_part() -> Any:
    """Return the module that imports Keras, loaded on first use."""
    if find_spec("keras") is None:
        raise MissingExtra("keras", "tensorflow", "KerasModel")
    from . import network

    return network


def _settled(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all hyperparameters of one training, including those in the architecture."""
    params = {**DEFAULTS, **given}
    architecture = params["architecture"]
    if architecture is None and params.get(SPACE) is not None:
        architecture = bare(architecture_from(params, params[SPACE]))
    if architecture is None:
        architecture = ArchitectureSpace(library.tabular())
    if isinstance(architecture, ArchitectureSpace):
        architecture = architecture.default
    if not isinstance(architecture, Architecture):
        raise BackendError(
            f"architecture={architecture!r} is not an Architecture: give one of a space, as "
            "history.best.architecture, or ArchitectureSpace(space) to search it"
        )
    known = DEFAULTS.keys() - FIXED
    own = {name: value for name, value in architecture.settings.items() if name in known}
    params |= {**own, "architecture": architecture}
    if params["numeric"] not in NUMERIC:
        raise BackendError(f"numeric={params['numeric']!r}: take one of {', '.join(NUMERIC)}")
    return params


def _batch_size(rows: int) -> int:
    """Return a power of two from 32 to 512, which gives an epoch at least some steps."""
    return int(2 ** min(max(math.log2(max(rows, 1)) // 1 - 4, 5), 9))
