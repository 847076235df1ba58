"""Results as Markdown, and their section in a document."""

from collections.abc import Sequence
from pathlib import Path

from ..support_table import replaced
from .errors import BenchError
from .summary import Summary
from .tables import PROTOCOLS, Protocol

__all__ = ["check_document", "markdown", "update_document"]

HEAD = """# Benchmarks

Strategies of nasbridge and samplers of other libraries, on the same tables with the same seeds. An
architecture that a baseline proposes again counts as another evaluation. The two protocols answer
different questions; do not compare their figures.
"""


def markdown(summaries: Sequence[Summary], notes: Sequence[str]) -> str:
    """Return results as Markdown.

    Args:
        summaries: The summary of each table.
        notes: Further paragraphs, such as the command and versions.
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


def check_document(document: Path, protocol: Protocol) -> None:
    """Check that a document has a section for the results, before the benchmark runs.

    Raises:
        BenchError: The document has no such section.
    """
    _updated(document, protocol, "")


def update_document(document: Path, protocol: Protocol, text: str) -> None:
    """Replace the results of a protocol in a document, which is created if it does not exist.

    Args:
        document: The document; the results of the other protocol are kept.
        protocol: The protocol.
        text: The results.

    Raises:
        BenchError: The document has no section for the results.
    """
    after = _updated(document, protocol, text)
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text(after, "utf-8")


def _updated(document: Path, protocol: Protocol, text: str) -> str:
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
