# pyright: basic
# AutoGluon ships no types that can be relied on.
"""Reading a trained model of AutoGluon, or the error that its training raised."""

import logging
from statistics import fmean
from typing import Any, final

from autogluon.core.models import BaggedEnsembleModel

__all__ = ["METRICS", "SCORE", "LastError", "measured"]

SCORE = "score_val"
METRICS = (SCORE, "pred_time_val", "fit_time", "disk_usage", "parameters")
"""Possible objectives: columns of the leaderboard, bytes on disk, and number of weights."""

TRIALS = logging.getLogger("autogluon.core.models.abstract.model_trial")


def measured(model: Any) -> dict[str, float]:
    """Return the metrics of a trained model, its score aside.

    Args:
        model: Any model of AutoGluon; for a bag, its children are read.
    """
    known = {
        "pred_time_val": model.predict_time,
        "fit_time": model.fit_time,
        "disk_usage": model.disk_usage(),
        **_own(model),
    }
    return {name: float(value) for name, value in known.items() if value is not None}


def _own(model: Any) -> dict[str, float]:
    """Return the model's own measurements; for a bag, the means of its children."""
    if not isinstance(model, BaggedEnsembleModel):
        return dict(getattr(model, "measured", {}))
    children: list[dict[str, float]] = []
    for child in model.models or ():
        children.append(_own(model.load_child(child)))
        if not children[-1]:
            return {}  # do not load the other children, which may be large
    names = set[str]().union(*children)
    return {name: fmean(child[name] for child in children) for name in names}


@final
class LastError(logging.Handler):
    """Captures the exception that AutoGluon logs for a failed trial; searchers do not get it."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.error = record.exc_info[1]

    def listen(self) -> None:
        """Discard the last error, and capture the next one."""
        self.error = None
        TRIALS.addHandler(self)

    def stop(self) -> None:
        """Stop capturing."""
        TRIALS.removeHandler(self)
