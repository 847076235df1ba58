"""The engine: runs trials, whichever framework stores them."""

from .capabilities import Capabilities, NotSupported
from .driver import ExperimentSpec, Observer, Silent, Store
from .errors import (
    BackendError,
    CannotEvaluate,
    ExperimentError,
    Pruned,
    TooManyFailures,
    Unsupported,
)
from .evaluation import ActiveTrial, Evaluate, Outcome, Task, evaluate_task
from .failures import ConsecutiveFailures, check_any_succeeded
from .identity import ExperimentIdentity
from .native_values import read_architecture, read_label
from .run import OpenStore, run_managed
from .trial_log import TrialLog

__all__ = [
    "ActiveTrial",
    "BackendError",
    "CannotEvaluate",
    "Capabilities",
    "ConsecutiveFailures",
    "Evaluate",
    "ExperimentError",
    "ExperimentIdentity",
    "ExperimentSpec",
    "NotSupported",
    "Observer",
    "OpenStore",
    "Outcome",
    "Pruned",
    "Silent",
    "Store",
    "Task",
    "TooManyFailures",
    "TrialLog",
    "Unsupported",
    "check_any_succeeded",
    "evaluate_task",
    "read_architecture",
    "read_label",
    "run_managed",
]
