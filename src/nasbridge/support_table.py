"""The support tables; `python -m nasbridge.support_table` writes them into the documents."""

from collections.abc import Callable, Mapping
from pathlib import Path

from .adapters import BACKENDS
from .adapters.registry import capabilities_of
from .engine import NotSupported

__all__ = ["ABILITIES", "DOCUMENTS", "renewed", "replaced", "support_table", "support_ticks"]

ABILITIES = {
    "storage": "trials are stored in",
    "hook": "native classes and functions",
    "pruning": "early stopping",
    "several_objectives": "several objectives",
    "pruning_several": "early stopping with several objectives",
    "resume": "resume after a kill",
    "jobs": "parallel trials",
    "sharing": "several processes share one search",
    "importing": "continue the history of another backend",
}
"""What the fields of `Capabilities` are called in tables."""

DESCRIPTIONS = ("storage", "hook")  # every backend has them: a tick says nothing


def support_table() -> str:
    """Return the capabilities of our backends as Markdown, one row per ability."""
    return _table(list(ABILITIES), str)


def support_ticks() -> str:
    """Return the short form: a tick where a backend has an ability, a dash where it has not."""
    fields = [field for field in ABILITIES if field not in DESCRIPTIONS]
    return _table(fields, lambda ability: "-" if isinstance(ability, NotSupported) else "✓")


def _table(fields: list[str], show: Callable[[object], str]) -> str:
    columns = {name: capabilities_of(name).abilities() for name in sorted(BACKENDS)}
    rows = [["", *(f"`{name}`" for name in columns)], ["---"] * (len(columns) + 1)]
    for field in fields:
        cells = (show(abilities[field]) for abilities in columns.values())
        rows.append([ABILITIES[field], *(cell.replace("|", r"\|") for cell in cells)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


DOCUMENTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "README.md": ("support ticks", support_ticks),
    "docs/integrations/index.md": ("support table", support_table),
}
"""Where the tables stand: path, name of the markers, what stands between them."""


def renewed(document: str, text: str) -> str:
    """Return the text of a document with its table up to date.

    Args:
        document: A key of `DOCUMENTS`.
        text: The document as it is.
    """
    place, table = DOCUMENTS[document]
    return replaced(text, place, table())


def replaced(text: str, place: str, content: str) -> str:
    """Return a document with new content between two markers.

    Args:
        text: Markdown with both markers.
        place: Their name: `<!-- place -->` and `<!-- end of place -->`.
        content: The new content.

    Raises:
        LookupError: A marker is missing.
    """
    first, last = f"<!-- {place} -->", f"<!-- end of {place} -->"
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end):
        raise LookupError(f"the document needs the markers {first} and {last}, in this order")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


if __name__ == "__main__":
    for name in DOCUMENTS:
        file = Path(name)
        file.write_text(renewed(name, file.read_text("utf-8")), "utf-8")
