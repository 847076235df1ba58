"""A backend as the conformance suite uses it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from ..adapters.registry import backend
from ..engine.capabilities import Capabilities
from ..engine.driver import ExperimentSpec, Silent
from ..engine.options import accepted_options, check_options
from ..spaces import SearchSpace
from ..strategies import History

__all__ = ["BackendHarness"]


@final
@dataclass(frozen=True)
class BackendHarness:
    """Runs, loads and stores under one backend, with fixed options.

    Attributes:
        backend: The name of the backend.
        options: Options of the backend, passed to every run.
        trials: Number of proposals that are compared, at least 20.
        deviations: Tests that fail under this backend: the name of the test and the cause in the
            framework. Each becomes a strict expected failure.

    Example:
        >>> from nasbridge import Experiment, RandomSearch, testing
        >>> experiment = Experiment(
        ...     testing.chain(), testing.evaluate, {"score": "max"}, RandomSearch(), trials=3
        ... )
        >>> history = BackendHarness("local").run(experiment)
        >>> testing.comparable(history) == testing.comparable(testing.bare_loop(experiment))
        True
    """

    backend: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    trials: int = 60
    deviations: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def support(self) -> Capabilities:
        """The declared capabilities of the backend."""
        return backend(self.backend).CAPABILITIES

    def run(
        self, experiment: ExperimentSpec, directory: Path | None = None, jobs: int = 0
    ) -> History:
        """Run an experiment under the backend.

        Args:
            experiment: The experiment.
            directory: Where the run is stored; None keeps it in memory.
            jobs: Number of worker processes; 0 evaluates in this process.
        """
        adapter = backend(self.backend)
        check_options(self.backend, adapter.run, self.options)
        return adapter.run(
            experiment, directory=directory, jobs=jobs, observer=Silent(), **self.options
        )

    def load(self, directory: Path, space: SearchSpace | None = None) -> History:
        """Read the history of a stored run.

        Args:
            directory: The directory of the run.
            space: The space, where the stored description is not sufficient.
        """
        return backend(self.backend).load(directory, space)

    def store(self, history: History, directory: Path) -> None:
        """Store a history so that a run can continue it.

        Args:
            history: The history of any backend.
            directory: The directory of the new run.
        """
        store_history = backend(self.backend).store_history
        store_history(history, directory, **accepted_options(store_history, self.options))
