"""The support table; `python -m nasbridge.support_table` renews it in the README."""

import sys
from pathlib import Path

from .adapters import BACKENDS
from .adapters.registry import capabilities_of

__all__ = ["ABILITIES", "renewed", "replaced", "support_table"]

PLACE = "support table"

ABILITIES = {
    "storage": "where trials are stored",
    "hook": "objects for code of your own",
    "pruning": "early stopping",
    "several_objectives": "several objectives",
    "pruning_several": "early stopping with several",
    "resume": "going on after a kill",
    "jobs": "several trials at a time",
    "sharing": "several processes on one search",
    "importing": "going on with another's history",
}
"""What the fields of `Support` are called in tables."""


def support_table() -> str:
    """Return the abilities of our backends as Markdown, a row an ability."""
    supports = {name: capabilities_of(name).abilities() for name in sorted(BACKENDS)}
    rows = [["", *(f"`{name}`" for name in supports)], ["---"] * (len(supports) + 1)]
    for field, title in ABILITIES.items():
        said = (str(abilities[field]) for abilities in supports.values())
        rows.append([title, *(cell.replace("|", r"\|") for cell in said)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def renewed(text: str) -> str:
    """Return a document with the support table as it should be; see `replaced`."""
    return replaced(text, PLACE, support_table())


def replaced(text: str, place: str, content: str) -> str:
    """Return a document with something new between two markers.

    Args:
        text: Markdown with both markers.
        place: Their name: `<!-- place -->` and `<!-- end of place -->`.
        content: What is to stand there.

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
    document = Path(sys.argv[1] if len(sys.argv) > 1 else "README.md")
    document.write_text(renewed(document.read_text("utf-8")), "utf-8")
