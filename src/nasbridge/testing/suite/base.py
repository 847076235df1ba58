"""What all classes of the conformance suite share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ... import Experiment
from ...engine import NotSupported, Unsupported
from ...spaces import SearchSpace
from ..evaluations import evaluate
from ..harness import BackendHarness
from ..strategies import strategy

__all__ = ["CapabilityTests", "experiment_on", "needs"]

Test = TypeVar("Test", bound=Callable[..., None])


def experiment_on(space: SearchSpace, **settings: Any) -> Experiment:
    """Return an experiment of 20 trials with the suite's defaults."""
    defaults: dict[str, Any] = {
        "evaluate": evaluate,
        "objectives": {"score": "max"},
        "strategy": strategy("RegularizedEvolution"),
        "trials": 20,
        "seed": 3,
    }
    return Experiment(space, **defaults | settings)


def needs(capability: str) -> Callable[[Test], Test]:
    """Name the field of `Capabilities` that a test requires.

    Where the backend declares it as `NotSupported`, the test must raise `Unsupported`.

    Args:
        capability: The name of the field.
    """

    def mark(test: Test) -> Test:
        vars(test)["capability"] = capability
        return test

    return mark


class CapabilityTests:
    """Base of the suite's classes. A subclass supplies the fixture `harness`."""

    @pytest.fixture
    def harness(self) -> BackendHarness:
        """The backend under test."""
        raise NotImplementedError(
            "supply the fixture `harness`: return BackendHarness(<name of the backend>)"
        )

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path | None:
        """The directory of a run; None where a subclass tests runs in memory."""
        return tmp_path / "run"

    @pytest.fixture(autouse=True)
    def _expected_failure(self, request: pytest.FixtureRequest, harness: BackendHarness) -> None:
        name: str = request.function.__name__
        declared = getattr(harness.support, getattr(request.function, "capability", ""), None)
        if isinstance(declared, NotSupported):
            expected = pytest.mark.xfail(raises=Unsupported, reason=str(declared), strict=True)
            request.applymarker(expected)
        elif name in harness.deviations:
            reason = f"{harness.backend}: {harness.deviations[name]}"
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
