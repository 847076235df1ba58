# pyright: basic
# AutoGluon ships no types that can be relied on.
"""What is read of a model that AutoGluon has trained, and of what kept it from being trained."""

import logging
from statistics import fmean
from typing import Any, final

from autogluon.core.models import BaggedEnsembleModel

__all__ = ["METRICS", "SCORE", "LastError", "measured"]

SCORE = "score_val"
METRICS = (SCORE, "pred_time_val", "fit_time", "disk_usage", "parameters")
"""What may be an objective: the leaderboard's columns, bytes on disk, and a network's weights."""

TRIALS = logging.getLogger("autogluon.core.models.abstract.model_trial")


def measured(model: Any) -> dict[str, float]:
    """Return what there is to be known of a trained model, beside its score.

    Args:
        model: Any model of AutoGluon, as it is on disk; of a bag, its children are asked.
    """
    known = {
        "pred_time_val": model.predict_time,
        "fit_time": model.fit_time,
        "disk_usage": model.disk_usage(),
        **_own(model),
    }
    return {name: float(value) for name, value in known.items() if value is not None}


def _own(model: Any) -> dict[str, float]:
    """Return what only a model itself knows; of a bag, the mean of its children."""
    if not isinstance(model, BaggedEnsembleModel):
        return dict(getattr(model, "measured", {}))
    children: list[dict[str, float]] = []
    for child in model.models or ():
        children.append(_own(model.load_child(child)))
        if not children[-1]:
            return {}  # the others, which may be large, need not be read
    names = set[str]().union(*children)
    return {name: fmean(child[name] for child in children) for name in names}


@final
class LastError(logging.Handler):
    """Hears why a trial failed: AutoGluon logs the exception, and tells searchers a number."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.error = record.exc_info[1]

    def listen(self) -> None:
        """Forget what was heard, and listen."""
        self.error = None
        TRIALS.addHandler(self)

    def stop(self) -> None:
        """Listen no more."""
        TRIALS.removeHandler(self)
