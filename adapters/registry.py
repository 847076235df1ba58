"""The backends by name: one literal table, loaded on first use."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, cast

from ..engine.capabilities import Support, read_support
from ..engine.errors import BackendError
from ..spaces import MissingExtra, Searchable
from ..strategies import History

__all__ = [
    "BACKENDS",
    "Adapter",
    "Entry",
    "backend",
    "backend_names",
    "is_installed",
    "support_of",
]


class Adapter(Protocol):
    """The names that every adapter module has."""

    SUPPORT: Support

    def to_native(self, space: Searchable) -> Any:
        """Return the framework's own description of a space."""
        ...

    def from_native(self, native: Any) -> Searchable:
        """Return our description of a framework's space."""
        ...

    def run(self, experiment: Any, **options: Any) -> History:
        """Run a whole experiment under the framework."""
        ...

    def load(self, location: Any, space: Searchable | None = None) -> History:
        """Read an experiment that the framework has stored."""
        ...

    def store_history(self, history: History, directory: Any, **options: Any) -> None:
        """Store a history as the framework's own, so that `run` goes on with it."""
        ...


class Entry(NamedTuple):
    """Where an adapter is, and what it needs.

    Attributes:
        module: The adapter's module.
        library: The framework's import name; empty for none.
        extra: The extra of nasbridge that brings it.
    """

    module: str
    library: str
    extra: str


BACKENDS: Mapping[str, Entry] = MappingProxyType(
    {
        "autogluon": Entry("nasbridge.adapters.autogluon", "autogluon", "autogluon"),
        "autokeras": Entry("nasbridge.adapters.autokeras", "autokeras", "autokeras"),
        "keras_tuner": Entry("nasbridge.adapters.keras_tuner", "keras_tuner", "keras-tuner"),
        "local": Entry("nasbridge.adapters.local", "", ""),
        "nni": Entry("nasbridge.adapters.nni", "nni", "nni"),
        "optuna": Entry("nasbridge.adapters.optuna", "optuna", "optuna"),
        "ray_tune": Entry("nasbridge.adapters.ray_tune", "ray", "ray"),
    }
)
"""The backends that come with nasbridge; others join by the entry points `nasbridge.backends`."""


def backend_names() -> tuple[str, ...]:
    """Return the names of all backends, those of other packages included."""
    return tuple(sorted({*BACKENDS, *_strangers()}))


@cache
def _strangers() -> Mapping[str, str]:
    return {point.name: point.value for point in entry_points(group="nasbridge.backends")}


def backend(name: str) -> Adapter:
    """Return the adapter of a framework, importing the framework.

    Args:
        name: The backend's name, as "optuna".

    Raises:
        BackendError: There is no backend of this name.
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
    if name in _strangers():
        return cast(Adapter, import_module(_strangers()[name]))
    close = get_close_matches(str(name), backend_names(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"take one of {', '.join(backend_names())}"
    raise BackendError(f"there is no backend {name!r}: {hint}")


def support_of(name: str) -> Support:
    """Return what a backend can do; one of our own need not be installed.

    Args:
        name: The backend's name.

    Raises:
        BackendError: There is no backend of this name.
    """
    if name not in BACKENDS:
        return backend(name).SUPPORT
    spec = find_spec(BACKENDS[name].module)  # found, not imported
    if spec is None or spec.origin is None:
        raise BackendError(f"{BACKENDS[name].module} is missing: install nasbridge anew")
    return read_support(Path(spec.origin))


def is_installed(name: str) -> bool:
    """Tell whether a backend's framework can be imported; it is not."""
    library = BACKENDS[name].library if name in BACKENDS else ""
    return not library or find_spec(library) is not None
