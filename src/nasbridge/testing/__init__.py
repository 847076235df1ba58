"""The conformance suite: what every backend must pass, public for those from elsewhere."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .suite import (
        BackendTests,
        BadInputTests,
        BudgetTests,
        Door,
        FailureTests,
        MovingTests,
        ObjectivesTests,
        ProposalTests,
        PruningTests,
        ResumeTests,
        SpaceTests,
        WorkerTests,
        facts,
    )

__all__ = [
    "BackendTests",
    "BadInputTests",
    "BudgetTests",
    "Door",
    "FailureTests",
    "MovingTests",
    "ObjectivesTests",
    "ProposalTests",
    "PruningTests",
    "ResumeTests",
    "SpaceTests",
    "WorkerTests",
    "facts",
]


def __getattr__(name: str) -> Any:
    """Load the suite on first use: workers import `testing.harness`, and need no pytest."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(".suite", __name__), name)
