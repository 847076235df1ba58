"""The backends by name: one literal table; adapters are imported on first use."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, cast

from ..engine.capabilities import Capabilities, NotSupported
from ..engine.errors import BackendError
from ..spaces import MissingExtra, SearchSpace
from ..strategies import History

__all__ = [
    "Adapter",
    "BACKENDS",
    "Entry",
    "backend",
    "backend_names",
    "capabilities_of",
    "is_installed",
]


class Adapter(Protocol):
    """The names that every adapter package has."""

    CAPABILITIES: Capabilities

    def to_native(self, space: SearchSpace) -> Any:
        """Return a space as the framework describes it."""
        ...

    def from_native(self, native: Any) -> SearchSpace:
        """Return the space for a framework's description."""
        ...

    def run(self, experiment: Any, **options: Any) -> History:
        """Run an experiment under the framework.

        The parameters are `experiment`, `directory`, `jobs`, `observer` and `on_accepted`, as for
        `nasbridge.adapters.local.run`, and the backend's own options. Their names, types and
        descriptions are read from the signature and the docstring.
        """
        ...

    def load(self, location: Any, space: SearchSpace | None = None) -> History:
        """Return the history of an experiment that the framework has stored."""
        ...

    def store_history(self, history: History, directory: Any, **options: Any) -> None:
        """Store a history as the framework does, so that `run` continues it."""
        ...


class Entry(NamedTuple):
    """A backend of nasbridge.

    Attributes:
        module: The adapter's package.
        library: The framework's import name; empty for none.
        extra: The extra of nasbridge that installs the framework.
        capabilities: What the backend can do.
    """

    module: str
    library: str
    extra: str
    capabilities: Capabilities


BACKENDS: Mapping[str, Entry] = MappingProxyType(
    {
        "autogluon": Entry(
            "nasbridge.adapters.autogluon",
            "autogluon",
            "autogluon",
            Capabilities(
                storage="history.jsonl (JSON Lines), beside a predictor's models",
                hook="NASSearcher, KerasModel, TorchModel, nas_hyperparameters, fit_in_two_passes",
                pruning="nasbridge.MedianPruner, under experiment.run",
                jobs="worker processes; AutoGluon's own scheduler runs one at a time",
            ),
        ),
        "autokeras": Entry(
            "nasbridge.adapters.autokeras",
            "autokeras",
            "autokeras",
            Capabilities(
                storage="a project directory of AutoKeras",
                hook="NASBlock, NASTuner",
                pruning="nasbridge.MedianPruner",
                sharing=NotSupported(
                    "the project's files have one writer", "use jobs=, or backend='optuna'"
                ),
            ),
        ),
        "keras_tuner": Entry(
            "nasbridge.adapters.keras_tuner",
            "keras_tuner",
            "keras-tuner",
            Capabilities(
                storage="a project directory of Keras Tuner",
                hook="NASTuner, NASOracle, ReportEpochs, suggest",
                pruning="nasbridge.MedianPruner",
                sharing=NotSupported(
                    "the project's files have one writer",
                    "use jobs=, or NASTuner with a chief and workers",
                ),
            ),
        ),
        "local": Entry(
            "nasbridge.adapters.local",
            "",
            "",
            Capabilities(
                storage="history.jsonl (JSON Lines)",
                hook="Search: ask, tell",
                pruning="nasbridge.MedianPruner",
            ),
        ),
        "nni": Entry(
            "nasbridge.adapters.nni",
            "nni",
            "nni",
            Capabilities(
                storage="NNI's database, and history.jsonl for what it has no column for",
                hook="NASTuner, next_parameter, architecture_from",
                pruning="NNI's own assessors, or nasbridge.MedianPruner",
            ),
        ),
        "optuna": Entry(
            "nasbridge.adapters.optuna",
            "optuna",
            "optuna",
            Capabilities(
                storage="a study in any Optuna storage (SQLite by default)",
                hook="NASSampler, suggest, Reporter",
                pruning="Optuna's own pruners, or nasbridge.MedianPruner",
                resume='yes, identically; pruners, too, unless their resource is "auto"',
                sharing="any number of processes on one study",
            ),
        ),
        "ray_tune": Entry(
            "nasbridge.adapters.ray_tune",
            "ray",
            "ray",
            Capabilities(
                storage="history.jsonl, and an experiment directory of Ray Tune",
                hook="NASSearcher, architecture_from",
                pruning="Ray's own schedulers that stop trials, or nasbridge.MedianPruner",
                jobs="Ray's workers, on any number of machines",
            ),
        ),
    }
)
"""The backends of nasbridge; other packages use the entry point group `nasbridge.backends`."""


def backend_names() -> tuple[str, ...]:
    """Return the names of all backends, including those of other packages."""
    return tuple(sorted({*BACKENDS, *_third_party()}))


@cache
def _third_party() -> Mapping[str, str]:
    return {point.name: point.value for point in entry_points(group="nasbridge.backends")}


def backend(name: str) -> Adapter:
    """Return a backend's adapter; this imports the framework.

    Args:
        name: The backend's name, as "optuna".

    Raises:
        BackendError: No backend has this name.
        MissingExtra: The framework is not installed.
    """
    if name in BACKENDS:
        entry = BACKENDS[name]
        try:
            return cast(Adapter, import_module(entry.module))
        except ModuleNotFoundError as error:
            if not entry.library or (error.name or "").split(".")[0] != entry.library:
                raise
            raise MissingExtra(entry.library, entry.extra, f"backend {name!r}") from error
    if name in _third_party():
        return cast(Adapter, import_module(_third_party()[name]))
    close = get_close_matches(str(name), backend_names(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"take one of {', '.join(backend_names())}"
    raise BackendError(f"there is no backend {name!r}: {hint}")


def capabilities_of(name: str) -> Capabilities:
    """Return what a backend can do; a framework of nasbridge's own table need not be installed.

    Args:
        name: The backend's name.

    Raises:
        BackendError: No backend has this name.
    """
    return BACKENDS[name].capabilities if name in BACKENDS else backend(name).CAPABILITIES


def is_installed(name: str) -> bool:
    """Return whether a backend's framework is installed, without importing it."""
    library = BACKENDS[name].library if name in BACKENDS else ""
    return not library or find_spec(library) is not None
