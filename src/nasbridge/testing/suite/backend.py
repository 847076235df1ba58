"""All conformance tests of a backend in one class."""

from .bad_input import BadInputTests
from .budgets import BudgetTests
from .failures import FailureTests
from .moving import MovingTests
from .objectives import ObjectivesTests
from .proposals import ProposalTests
from .pruning import PruningTests
from .resume import ResumeTests
from .spaces import SpaceTests
from .workers import SharedPoolTests, WorkerTests

__all__ = ["BackendTests", "PooledBackendTests"]


class PooledBackendTests(
    ProposalTests,
    SpaceTests,
    FailureTests,
    PruningTests,
    ObjectivesTests,
    BudgetTests,
    ResumeTests,
    SharedPoolTests,
    MovingTests,
    BadInputTests,
):
    """All conformance tests of a backend that runs trials in the engine's worker pool."""


class BackendTests(PooledBackendTests, WorkerTests):
    """All conformance tests. A subclass supplies the fixture `harness`."""
