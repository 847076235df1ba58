"""What the adapters of libraries on top of Keras Tuner build on: the one module they import."""

from .driven import DrivenTuner
from .files import read_identity
from .history import document_of, history_in, project_at, store_project
from .objectives import ObjectiveLike
from .oracle import NASOracle
from .space import from_native, native_values, suggest, to_native
from .store import run_project
from .trials import read_project

__all__ = [
    "DrivenTuner",
    "NASOracle",
    "ObjectiveLike",
    "document_of",
    "from_native",
    "history_in",
    "native_values",
    "project_at",
    "read_identity",
    "read_project",
    "run_project",
    "store_project",
    "suggest",
    "to_native",
]
