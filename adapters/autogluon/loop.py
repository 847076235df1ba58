# pyright: basic
# AutoGluon ships no types that can be relied on.
"""AutoGluon's sequential scheduler as the loop of an experiment."""

from typing import Any, final

from autogluon.core.scheduler.seq_scheduler import LocalSequentialScheduler
from autogluon.core.searcher.exceptions import ExhaustedSearchSpaceError
from autogluon.core.searcher.local_searcher import LocalSearcher

from ...engine.driver import Driver
from ...strategies import Trial
from .space import ArchitectureSpace

__all__ = ["scheduled"]

KEY = "architecture"
ENDLESS = 10**9  # trials: the store has the limit; AutoGluon shows a bar below 1,000


def scheduled(driver: Driver) -> None:
    """Let AutoGluon's `LocalSequentialScheduler` run the trials of an experiment.

    Args:
        driver: Begins, evaluates and ends the trials, one at a time.
    """
    steps: Any = _Steps(driver)
    space = ArchitectureSpace(driver.experiment.space)
    scheduler = LocalSequentialScheduler(
        steps.train, {KEY: space}, searcher=steps, num_trials=ENDLESS
    )
    scheduler.run()
    if steps.error is not None:  # the scheduler has only logged it
        raise steps.error


@final
class _Steps(LocalSearcher):
    """Searcher and training function in one; both call the driver.

    An error of the driver is kept for `scheduled` to raise: AutoGluon only logs it.
    """

    def __init__(self, driver: Driver) -> None:
        super().__init__(search_space={})
        self._driver = driver
        self.error: Exception | None = None

    def get_config(self, **kwargs: Any) -> dict[str, Any]:
        if self.error is not None:
            raise ExhaustedSearchSpaceError
        try:
            if self._driver.begin():
                (trial,) = self._driver.running.values()
                return {KEY: trial.architecture}
        except Exception as error:
            self.error = error
        raise ExhaustedSearchSpaceError

    def train(self, config: dict[str, Any], reporter: Any) -> None:
        """Evaluate the running trial, and report its reward."""
        try:
            reporter(reward=self._reward(self._driver.end()))
        except Exception as error:
            self.error = error

    def _reward(self, trial: Trial) -> float:
        scores = trial.scores(self._driver.experiment.objectives)
        return float("-inf") if scores is None else scores[0]

    def update(self, config: dict[str, Any], **kwargs: Any) -> None:
        """Do nothing: the driver has stored the trial."""
