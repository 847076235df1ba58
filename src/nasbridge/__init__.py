"""nasbridge: one search-space description and one set of NAS strategies, under every framework.

An experiment is data, and a strategy is a pure function of it: the same space, strategy, seed and
trials give the same next architecture, whichever framework runs the trials.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .adapters import backend_names
    from .engine import (
        BackendError,
        CannotEvaluate,
        ExperimentError,
        Pruned,
        TooManyFailures,
        Unsupported,
    )
    from .evaluators.keras import KerasEvaluator
    from .experiment import Experiment
    from .spaces import (
        STRIDE,
        WIDTH,
        Architecture,
        BuildError,
        Cell,
        Chain,
        Choice,
        ConstraintError,
        Integer,
        InvalidArchitecture,
        Merge,
        MissingExtra,
        NameClash,
        NasbridgeError,
        Network,
        NodeCell,
        Parallel,
        Real,
        Repeat,
        Space,
        SpaceError,
        SpaceFormatError,
        Stack,
        Zero,
        from_json,
        layer,
        library,
        residual,
    )
    from .strategies import (
        NSGA2,
        Bananas,
        BayesianOptimization,
        GridSearch,
        History,
        HistoryError,
        LocalSearch,
        MedianAtStepPruner,
        MedianPruner,
        PolicyGradient,
        RandomSearch,
        RegularizedEvolution,
        Search,
        SpaceExhausted,
        StrategyError,
        Trial,
    )

__version__ = "0.1.0"

_HOMES = {
    ".adapters": ("backend_names",),
    ".engine": (
        "BackendError",
        "CannotEvaluate",
        "ExperimentError",
        "Pruned",
        "TooManyFailures",
        "Unsupported",
    ),
    ".evaluators": ("KerasEvaluator",),
    ".experiment": ("Experiment",),
    ".spaces": (
        "Architecture",
        "BuildError",
        "Cell",
        "Chain",
        "Choice",
        "ConstraintError",
        "Integer",
        "InvalidArchitecture",
        "Merge",
        "MissingExtra",
        "NameClash",
        "NasbridgeError",
        "Network",
        "NodeCell",
        "Parallel",
        "Real",
        "Repeat",
        "STRIDE",
        "Space",
        "SpaceError",
        "SpaceFormatError",
        "Stack",
        "WIDTH",
        "Zero",
        "from_json",
        "layer",
        "library",
        "residual",
    ),
    ".strategies": (
        "Bananas",
        "BayesianOptimization",
        "GridSearch",
        "History",
        "HistoryError",
        "LocalSearch",
        "MedianAtStepPruner",
        "MedianPruner",
        "NSGA2",
        "PolicyGradient",
        "RandomSearch",
        "RegularizedEvolution",
        "Search",
        "SpaceExhausted",
        "StrategyError",
        "Trial",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Architecture",
    "BackendError",
    "Bananas",
    "BayesianOptimization",
    "BuildError",
    "CannotEvaluate",
    "Cell",
    "Chain",
    "Choice",
    "ConstraintError",
    "Experiment",
    "ExperimentError",
    "GridSearch",
    "History",
    "HistoryError",
    "Integer",
    "InvalidArchitecture",
    "KerasEvaluator",
    "LocalSearch",
    "MedianAtStepPruner",
    "MedianPruner",
    "Merge",
    "MissingExtra",
    "NSGA2",
    "NameClash",
    "NasbridgeError",
    "Network",
    "NodeCell",
    "Parallel",
    "PolicyGradient",
    "Pruned",
    "RandomSearch",
    "Real",
    "RegularizedEvolution",
    "Repeat",
    "STRIDE",
    "Search",
    "Space",
    "SpaceError",
    "SpaceExhausted",
    "SpaceFormatError",
    "Stack",
    "StrategyError",
    "TooManyFailures",
    "Trial",
    "Unsupported",
    "WIDTH",
    "Zero",
    "__version__",
    "backend_names",
    "from_json",
    "layer",
    "library",
    "residual",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for from its home: importing the package stays quick."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
