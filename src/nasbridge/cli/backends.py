"""The command `backends`: what can run an experiment, and what each can do."""

from rich.text import Text

from ..adapters import BACKENDS, backend, backend_names
from ..adapters.registry import capabilities_of, is_installed
from ..engine.options import options_of
from ..support_table import ABILITIES
from .app import new_table, out

__all__ = ["show_backends"]


def show_backends() -> None:
    """Print what each backend can do, or how it is installed."""
    table = new_table("backend", "", "")
    for name in backend_names():
        first = name
        for title, said in _said(name).items():
            table.add_row(Text(first, "bold"), Text(title), Text(said))
            first = ""
        table.add_section()
    out.print(table)


def _said(name: str) -> dict[str, str]:
    if not is_installed(name):
        return {"not installed": f"pip install 'nasbridge[{BACKENDS[name].extra}]'"}
    try:
        support = capabilities_of(name)
    except ImportError as error:  # that of another package
        return {"cannot be imported": str(error)}
    said = {ABILITIES[field]: str(ability) for field, ability in support.abilities().items()}
    options = options_of(backend(name).run)
    return {**said, "options of its own": ", ".join(options) or "none"}
