"""What the adapters of libraries on top of Keras Tuner build on: the one module they import."""

from .driven import DrivenTuner
from .files import ANOTHER_PROJECT, read_description
from .history import history_in, project_at, store_project
from .objectives import ObjectiveLike
from .oracle import NASOracle
from .space import from_native, native_values, suggest, to_native
from .store import open_store
from .trials import read_project

__all__ = [
    "ANOTHER_PROJECT",
    "DrivenTuner",
    "NASOracle",
    "ObjectiveLike",
    "from_native",
    "history_in",
    "native_values",
    "open_store",
    "project_at",
    "read_description",
    "read_project",
    "store_project",
    "suggest",
    "to_native",
]
