"""The conformance suite: what every backend must pass, public for those from elsewhere."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .suite import (
        BackendHarness,
        BackendTests,
        BadInputTests,
        BudgetTests,
        FailureTests,
        MovingTests,
        ObjectivesTests,
        ProposalTests,
        PruningTests,
        ResumeTests,
        SpaceTests,
        WorkerTests,
        comparable,
    )

__all__ = [
    "BackendHarness",
    "BackendTests",
    "BadInputTests",
    "BudgetTests",
    "FailureTests",
    "MovingTests",
    "ObjectivesTests",
    "ProposalTests",
    "PruningTests",
    "ResumeTests",
    "SpaceTests",
    "WorkerTests",
    "comparable",
]


def __getattr__(name: str) -> Any:
    """Load the suite on first use: workers import `testing.harness`, and need no pytest."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(".suite", __name__), name)
