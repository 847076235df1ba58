"""Tools to test a backend, a strategy, or anything else that runs experiments.

A backend from another package passes the conformance suite if it runs, stores, resumes and moves
experiments as the built-in ones do. `BackendTests` holds all tests, one class per capability
(`ProposalTests`, `ResumeTests`, ...) holds a part. A test module supplies the fixture `harness`:

    >>> import pytest
    >>> from nasbridge.testing import BackendHarness, BackendTests
    >>> class TestMine(BackendTests):
    ...     @pytest.fixture
    ...     def harness(self) -> BackendHarness:
    ...         return BackendHarness("local")  # the name of your backend

What the backend declares as `NotSupported` must raise `Unsupported`. Other deviations go into
`BackendHarness.deviations`, each with its cause. Both are strict expected failures. A backend that
runs its trials in the engine's worker pool takes `PooledBackendTests`, which has fewer tests of
workers.

The rest needs no pytest, so worker processes can import it: search spaces (`SPACES`, `chain`, ...),
strategies with settings for a few dozen trials (`STRATEGIES`), evaluation functions that train
nothing (`evaluate_variously`, ...), the reference that every run must equal (`bare_loop`,
`reference`, `comparable`), and ways to kill a run (`Fault`, `kill_in_a_trial`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluations import (
        INVALID_RESULTS,
        WAIT_AT,
        Waiting,
        evaluate,
        evaluate_curve,
        evaluate_given,
        evaluate_invalid,
        evaluate_never,
        evaluate_or_die,
        evaluate_or_fail,
        evaluate_slowly,
        evaluate_variously,
        evaluate_waiting,
        evaluate_without_data,
        fate,
        score,
        weight,
    )
    from .harness import BackendHarness
    from .killing import Fault, kill_in_a_trial, run_until_call, run_until_fault
    from .loop import bare_loop, comparable, reference
    from .spaces import SPACES, cell, chain, few, flat
    from .strategies import CASES, FEW_CASES, STRATEGIES, strategy
    from .suite.backend import BackendTests, PooledBackendTests
    from .suite.bad_input import BadInputTests
    from .suite.base import CapabilityTests, experiment_on, needs
    from .suite.budgets import BudgetTests
    from .suite.failures import FailureTests
    from .suite.moving import MovingTests
    from .suite.objectives import ObjectivesTests
    from .suite.proposals import ProposalTests
    from .suite.pruning import PruningTests
    from .suite.resume import ResumeTests
    from .suite.spaces import SpaceTests
    from .suite.workers import SharedPoolTests, WorkerTests

_HOMES = {
    ".evaluations": (
        "INVALID_RESULTS",
        "WAIT_AT",
        "Waiting",
        "evaluate",
        "evaluate_curve",
        "evaluate_given",
        "evaluate_invalid",
        "evaluate_never",
        "evaluate_or_die",
        "evaluate_or_fail",
        "evaluate_slowly",
        "evaluate_variously",
        "evaluate_waiting",
        "evaluate_without_data",
        "fate",
        "score",
        "weight",
    ),
    ".harness": ("BackendHarness",),
    ".killing": ("Fault", "kill_in_a_trial", "run_until_call", "run_until_fault"),
    ".loop": ("bare_loop", "comparable", "reference"),
    ".spaces": ("SPACES", "cell", "chain", "few", "flat"),
    ".strategies": ("CASES", "FEW_CASES", "STRATEGIES", "strategy"),
    ".suite.backend": ("BackendTests", "PooledBackendTests"),
    ".suite.bad_input": ("BadInputTests",),
    ".suite.base": ("CapabilityTests", "experiment_on", "needs"),
    ".suite.budgets": ("BudgetTests",),
    ".suite.failures": ("FailureTests",),
    ".suite.moving": ("MovingTests",),
    ".suite.objectives": ("ObjectivesTests",),
    ".suite.proposals": ("ProposalTests",),
    ".suite.pruning": ("PruningTests",),
    ".suite.resume": ("ResumeTests",),
    ".suite.spaces": ("SpaceTests",),
    ".suite.workers": ("SharedPoolTests", "WorkerTests"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BackendHarness",
    "BackendTests",
    "BadInputTests",
    "BudgetTests",
    "CASES",
    "CapabilityTests",
    "FEW_CASES",
    "FailureTests",
    "Fault",
    "INVALID_RESULTS",
    "MovingTests",
    "ObjectivesTests",
    "PooledBackendTests",
    "ProposalTests",
    "PruningTests",
    "ResumeTests",
    "SPACES",
    "STRATEGIES",
    "SharedPoolTests",
    "SpaceTests",
    "WAIT_AT",
    "Waiting",
    "WorkerTests",
    "bare_loop",
    "cell",
    "chain",
    "comparable",
    "evaluate",
    "evaluate_curve",
    "evaluate_given",
    "evaluate_invalid",
    "evaluate_never",
    "evaluate_or_die",
    "evaluate_or_fail",
    "evaluate_slowly",
    "evaluate_variously",
    "evaluate_waiting",
    "evaluate_without_data",
    "experiment_on",
    "fate",
    "few",
    "flat",
    "kill_in_a_trial",
    "needs",
    "reference",
    "run_until_call",
    "run_until_fault",
    "score",
    "strategy",
    "weight",
]


def __getattr__(name: str) -> Any:
    """Import a name on first use: worker processes need no pytest."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
