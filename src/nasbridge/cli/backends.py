"""The command `backends`: installed frameworks, their capabilities and options."""

from collections.abc import Mapping

from rich.text import Text

from ..adapters import BACKENDS, Adapter, backend, backend_names
from ..adapters.registry import is_installed
from ..engine import BackendError
from ..engine.capabilities import Capabilities
from ..engine.options import Option, options_of
from ..spaces import NasbridgeError
from ..support_table import ABILITIES
from .app import new_table, out
from .options import type_name

__all__ = ["show_backend", "show_backends"]


def show_backends() -> None:
    """Print the capabilities of each backend, or how to install it; imports no framework."""
    _print({name: _entries(name) for name in backend_names()})
    out.print(Text("nasbridge backends NAME lists the options of a backend."))


def show_backend(name: str) -> None:
    """Print the capabilities and options of one backend.

    Args:
        name: The backend's name.

    Raises:
        BackendError: No backend has this name, or its import fails.
        MissingExtra: The framework is not installed.
    """
    adapter = _imported(name)
    options = {f"--option {o.name}=": _described(o) for o in options_of(adapter.run).values()}
    entries = _abilities(adapter.CAPABILITIES)
    _print({name: {**entries, **(options or {"options": "none"})}})


def _imported(name: str) -> Adapter:
    try:
        return backend(name)
    except NasbridgeError:
        raise
    except Exception as error:  # a broken framework can raise anything
        raise BackendError(
            f"backend {name!r} cannot be imported ({type(error).__name__}: {error}): reinstall its "
            "framework, or show the cause with --traceback"
        ) from error


def _print(backends: Mapping[str, Mapping[str, str]]) -> None:
    table = new_table("backend", "", "")
    for name, entries in backends.items():
        first = name
        for title, text in entries.items():
            table.add_row(Text(first, "bold"), Text(title), Text(text))
            first = ""
        table.add_section()
    out.print(table)


def _entries(name: str) -> dict[str, str]:
    if name not in BACKENDS:
        return {"of another package": f"see nasbridge backends {name}"}
    if not is_installed(name):
        return {"not installed": f"pip install 'nasbridge[{BACKENDS[name].extra}]'"}
    return _abilities(BACKENDS[name].capabilities)


def _abilities(support: Capabilities) -> dict[str, str]:
    return {ABILITIES[field]: str(ability) for field, ability in support.abilities().items()}


def _described(option: Option) -> str:
    return f"{type_name(option) or 'in Python only'}: {option.help}"
