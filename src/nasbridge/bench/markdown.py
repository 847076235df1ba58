"""Results as Markdown, and the document in the repository."""

from collections.abc import Sequence
from pathlib import Path

from ..support_table import replaced
from .errors import BenchError
from .summary import Summary
from .tables import PROTOCOLS, Protocol

__all__ = ["check_place", "markdown", "renew"]

HEAD = """# Benchmarks

Strategies of nasbridge beside the samplers of other libraries: the same tables, the same seeds,
the same objective values. What a peer asks again, it pays for again. The two protocols are two
questions, and their figures must not be compared.
"""


def markdown(summaries: Sequence[Summary], notes: Sequence[str]) -> str:
    """Return tables of results.

    Args:
        summaries: One for each table.
        notes: What else is to be said, as the command and versions; a paragraph each.
    """
    parts = [part for summary in summaries for part in _table(summary)]
    return "\n\n".join([*parts, *notes])


def _table(summary: Summary) -> list[str]:
    rule = ["---", *["---:"] * (len(summary.columns) - 1)]
    rows = [summary.columns, rule, *([f"`{row[0]}`", *row[1:]] for row in summary.rows)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    absent = [f"- `{label}` is missing: {why}" for label, why in summary.missing.items()]
    parts = [f"### {summary.name}", summary.about, table if summary.rows else "", "\n".join(absent)]
    return [part for part in parts if part]


def check_place(document: Path, protocol: Protocol) -> None:
    """Check that a document has a place for results, before hours are spent on them.

    Raises:
        BenchError: It has none.
    """
    _renewed(document, protocol, "")


def renew(document: Path, protocol: Protocol, text: str) -> None:
    """Put the results of a protocol into their place in a document, which is made if it is not.

    Args:
        document: The document; what it says of the other protocol stays.
        protocol: What was measured.
        text: The results.

    Raises:
        BenchError: The document has no place for them.
    """
    after = _renewed(document, protocol, text)
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text(after, "utf-8")


def _renewed(document: Path, protocol: Protocol, text: str) -> str:
    before = document.read_text("utf-8") if document.exists() else _empty()
    try:
        return replaced(before, f"results: {protocol}", text)
    except LookupError as error:
        raise BenchError(f"{document}: {error}") from error


def _empty() -> str:
    places = (
        f"## {about[0].upper()}{about[1:]}\n\n<!-- results: {name} -->\n\n"
        f"<!-- end of results: {name} -->\n"
        for name, about in sorted(PROTOCOLS.items(), reverse=True)
    )
    return "\n".join([HEAD, *places])
