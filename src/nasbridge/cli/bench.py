"""The command `bench`: compare strategies with samplers of other libraries."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..bench import (
    BenchError,
    Budget,
    Failure,
    Record,
    Records,
    Summary,
    Table,
    load_table,
    read_method,
    run_all,
    schedule,
    summarize,
)
from ..bench.markdown import check_document, markdown, update_document
from ..bench.notes import command, notes
from ..bench.page import write_page
from ..bench.picture import write_picture
from ..bench.specs import DEFAULTS, MethodSpec
from ..bench.tables import PROTOCOLS, Protocol, seconds_of
from .app import err, new_table, out, print_message

__all__ = ["start_bench"]

EVALUATIONS = 200
COUNTED = {"cost": "seconds", "queries": "evaluations"}
FILE = "results.jsonl"


def start_bench(
    names: Sequence[str],
    methods: Sequence[str],
    seeds: int,
    protocol_name: str,
    limits: Mapping[str, float],
    jobs: int,
    output: Path,
    data: Path | None,
    document: Path | None,
) -> None:
    """Execute the runs that are not stored yet, and write the results.

    Args:
        names: Names of tables.
        methods: Strategies and baselines; empty for the default ones.
        seeds: Number of seeds, from 0.
        protocol_name: "queries" or "cost".
        limits: The budget of a run: "evaluations" for the protocol "queries" (default 200), or
            simulated "seconds" for "cost" (default: depends on the table).
        jobs: Number of worker processes; 0 uses this process.
        output: The directory for results.
        data: The folder with tables that no package contains.
        document: A Markdown file whose section is also updated.

    Raises:
        BenchError: A table or method is unknown, or a setting is invalid.
        MissingExtra: The package of the tables, or the plotting library, is not installed.
    """
    protocol = _protocol(protocol_name)
    if document is not None:
        check_document(document, protocol)
    specs = [read_method(text) for text in dict.fromkeys(methods or DEFAULTS)]
    tables = [load_table(name, protocol, data) for name in dict.fromkeys(names)]
    budgets = {table.name: _budget(table, protocol, limits) for table in tables}
    records = Records(output / FILE)
    runs = schedule(tables, specs, range(seeds), budgets)
    if not runs:
        raise BenchError(f"no method supports these tables: {_obstacles(specs, tables)}")
    with _bar(len(runs), sum(run.key in records for run in runs)) as done:
        try:
            failures = run_all(tables, runs, records, jobs, done)
        except KeyboardInterrupt:
            print_message("stopped; repeat the command to continue: complete runs are kept")
            raise
    summaries = [
        summarize(table, budgets[table.name], specs, _of(records, seeds), _why(failures, table))
        for table in tables
    ]
    if not any(summary.rows for summary in summaries):
        reasons = dict.fromkeys(why for summary in summaries for why in summary.missing.values())
        raise BenchError(f"no run is complete: {'; '.join(reasons)}")
    line = command([t.name for t in tables], specs, seeds, protocol, limits, data is not None)
    _write(summaries, protocol, notes(line, specs), output, document)
    for summary in summaries:
        _show(summary)
    pages = ", ".join(f"{protocol}.{ending}" for ending in ("md", "png", "html"))
    print_message(f"results in {output}: {FILE}, {pages}")
    if failures:
        raise typer.Exit(1)


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        known = "; ".join(f"{each}: {about}" for each, about in PROTOCOLS.items())
        raise BenchError(f"unknown protocol {name!r}: choose one ({known})")
    return name


def _budget(table: Table, protocol: Protocol, limits: Mapping[str, float]) -> Budget:
    counted = COUNTED[protocol]
    if set(limits) - {counted}:
        raise BenchError(f"--protocol {protocol} is limited by --{counted}: give that instead")
    default = seconds_of(table) if protocol == "cost" else EVALUATIONS
    return Budget(protocol, limits.get(counted, default))


def _obstacles(specs: Sequence[MethodSpec], tables: Sequence[Table]) -> str:
    pairs = ((spec, len(table.objectives)) for spec in specs for table in tables)
    return "; ".join(dict.fromkeys(f"{spec.label}: {spec.obstacle(n)}" for spec, n in pairs))


def _of(records: Records, seeds: int) -> list[Record]:
    return [record for record in records if record.seed < seeds]


def _why(failures: Sequence[Failure], table: Table) -> dict[str, str]:
    """Return the first error and the number of failed runs of each method on a table."""
    failed = [failure for failure in failures if failure.run.table == table.name]
    labels = dict.fromkeys(failure.run.spec.label for failure in failed)
    errors = {
        label: [failure.error for failure in failed if failure.run.spec.label == label]
        for label in labels
    }
    return {
        label: f"{len(all_)} run{'s' * (len(all_) > 1)} failed: {all_[0]}"
        for label, all_ in errors.items()
    }


@contextmanager
def _bar(total: int, already: int) -> Generator[Callable[[], None]]:
    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    if already:
        print_message(f"{already} of {total} runs are already complete", "dim")
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=total, completed=already)
        yield lambda: progress.advance(task)


def _write(
    summaries: Sequence[Summary],
    protocol: Protocol,
    remarks: Sequence[str],
    output: Path,
    document: Path | None,
) -> None:
    text = markdown(summaries, remarks)
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{protocol}.md").write_text(text + "\n", "utf-8")
    write_picture(summaries, output / f"{protocol}.png")
    write_page(summaries, protocol, remarks, output / f"{protocol}.html")
    if document is not None:
        update_document(document, protocol, text)


def _show(summary: Summary) -> None:
    out.print(Text(f"{summary.name}: {summary.about}"), soft_wrap=True)
    table = new_table(*summary.columns)
    for row in summary.rows:
        table.add_row(*map(Text, row))
    out.print(table)
    for label, why in summary.missing.items():
        print_message(f"{label} is missing: {why}", "yellow")
