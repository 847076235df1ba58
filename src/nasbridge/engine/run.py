"""The skeleton of a managed run, the same under every backend.

An adapter supplies a context manager, by convention `open_store(experiment, directory, ...)`, that
opens its storage and yields an `OpenStore`. Everything else happens here: the executor, the loop,
and closing both in the right order.
"""

import sys
import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ..spaces import BuildError, SearchSpace, UnknownLayer
from ..strategies import History
from .driver import Accepted, ExperimentSpec, Loop, Observer, Silent, Store, drive, executor_for
from .executor import Executor

__all__ = ["OpenStore", "run_managed"]


@dataclass(frozen=True)
class OpenStore:
    """A backend's storage, opened for one run.

    Attributes:
        store: The trials.
        executor: Evaluates the trials; None for this process or a pool of workers.
        loop: The framework's own loop; None for the driver's.
        directory: Where trials may keep files; None for the run's directory, or, where there is
            none, for a temporary one.
    """

    store: Store
    executor: Executor | None = None
    loop: Loop | None = None
    directory: Path | None = None


def run_managed(
    experiment: ExperimentSpec,
    directory: Path | None,
    jobs: int,
    observer: Observer | None,
    on_accepted: Accepted | None,
    opening: AbstractContextManager[OpenStore],
    supplies_executor: bool = False,
) -> History:
    """Run an experiment in a backend's storage.

    An `evaluate` with a method `check_experiment(space, objectives)` may raise an error there, if
    no trial can succeed, before anything is stored. For others, a warning reports layers that Keras
    does not know: whether they build networks with Keras is their own business.

    Args:
        experiment: The experiment.
        directory: The run's directory, or None.
        jobs: Number of worker processes; 0 evaluates in this process.
        observer: Receives events; None for nobody.
        on_accepted: See `drive`.
        opening: Opens the storage. It raises if the storage is of another experiment, which it
            finds by `ExperimentIdentity`; the context ends after the last trial.
        supplies_executor: Whether `opening` yields an executor. Otherwise the default one is made
            first, so that an `evaluate` that workers cannot receive leaves no storage behind.

    Returns:
        The whole history, earlier runs included.

    Raises:
        ExperimentError: `evaluate` cannot be sent to workers.
        TooManyFailures: As many trials in a row failed as the experiment allows.
    """
    check = getattr(experiment.evaluate, "check_experiment", None)
    if check is not None:
        check(experiment.space, experiment.objectives)
    else:
        warn_of_unknown_layers(experiment.space)
    default = None if supplies_executor else executor_for(experiment, jobs)
    with opening as opened:
        executor = opened.executor or default
        if executor is None:
            raise TypeError("supplies_executor=True, but OpenStore has no executor")
        return drive(
            experiment,
            opened.store,
            executor,
            opened.directory or directory,
            observer or Silent(),
            opened.loop,
            on_accepted,
        )


def warn_of_unknown_layers(space: SearchSpace) -> None:
    """Warn of a layer or setting that Keras does not know, if Keras is imported."""
    if "keras" not in sys.modules:
        return
    from ..spaces.keras import check_layers

    try:
        check_layers(space)
    except UnknownLayer as error:
        warnings.warn(f"architecture.build will fail: {error}", stacklevel=4)
    except BuildError:
        pass  # such as a class of the user that is not imported yet
