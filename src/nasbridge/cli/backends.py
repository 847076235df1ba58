"""The command `backends`: installed frameworks and their capabilities."""

from rich.text import Text

from ..adapters import BACKENDS, backend, backend_names
from ..adapters.registry import capabilities_of, is_installed
from ..engine.options import Option, options_of
from ..support_table import ABILITIES
from .app import new_table, out
from .options import type_name

__all__ = ["show_backends"]


def show_backends() -> None:
    """Print the capabilities of each backend, or how to install it."""
    table = new_table("backend", "", "")
    for name in backend_names():
        first = name
        for title, text in _entries(name).items():
            table.add_row(Text(first, "bold"), Text(title), Text(text))
            first = ""
        table.add_section()
    out.print(table)


def _entries(name: str) -> dict[str, str]:
    if not is_installed(name):
        return {"not installed": f"pip install 'nasbridge[{BACKENDS[name].extra}]'"}
    try:
        support = capabilities_of(name)
    except ImportError as error:  # a backend of another package
        return {"cannot be imported": str(error)}
    entries = {ABILITIES[field]: str(ability) for field, ability in support.abilities().items()}
    options = options_of(backend(name).run)
    if not options:
        return {**entries, "options": "none"}
    return {**entries, **{f"--option {o.name}=": _described(o) for o in options.values()}}


def _described(option: Option) -> str:
    return f"{type_name(option) or 'in Python only'}: {option.help}"
