"""Output: Markdown, PNG, HTML, and the section in a document."""

from pathlib import Path

import pytest

from nasbridge.bench import BenchError, Budget, Run, Summary, Table, execute, read_method, summarize
from nasbridge.bench.markdown import check_document, markdown, update_document
from nasbridge.bench.notes import command, notes
from nasbridge.bench.page import write_page
from nasbridge.bench.picture import write_picture

NAMES = ("RandomSearch", "optuna.RandomSampler", "nni.TPE")


@pytest.fixture
def summary(table: Table, budget: Budget) -> Summary:
    """Two methods with three seeds, and one that failed."""
    specs = [read_method(name) for name in NAMES]
    records = [
        execute(table, Run("toy", spec, seed, budget)) for spec in specs[:2] for seed in range(3)
    ]
    return summarize(table, budget, specs, records, {"nni.TPE": "nni is <not> there"})


def test_markdown_is_a_table(summary: Summary) -> None:
    text = markdown([summary], ["A note."])
    head, about, table, missing, note = text.split("\n\n")
    assert head == "### toy"
    assert "the optimum is 0.25" in about
    rows = [line.strip("|").split(" | ") for line in table.splitlines()]
    assert {len(row) for row in rows} == {len(summary.columns)}
    assert missing == "- `nni.TPE` is missing: nni is <not> there"
    assert note == "A note."


def test_a_picture_and_a_page(summary: Summary, pair: Table, tmp_path: Path) -> None:
    two = Budget("queries", 4)
    spec = read_method("RandomSearch")
    records = [execute(pair, Run("toy", spec, seed, two)) for seed in range(2)]
    shares = summarize(pair, two, [spec], records, {})
    empty = summarize(pair, two, [spec], [], {"RandomSearch": "why"})
    write_picture([summary, shares, empty], tmp_path / "a" / "toy.png")
    assert (tmp_path / "a" / "toy.png").read_bytes().startswith(b"\x89PNG")
    write_page([summary, shares, empty], "queries", ["A <note>."], tmp_path / "b" / "toy.html")
    page = (tmp_path / "b" / "toy.html").read_text("utf-8")
    for expected in (*NAMES, "nni is &lt;not&gt; there", "A &lt;note&gt;.", "final quality by"):
        assert expected in page
    assert "NaN" not in page[page.index('id="charts"') : page.index("</script>")]


def test_each_protocol_has_a_section_in_the_document(tmp_path: Path) -> None:
    document = tmp_path / "docs" / "benchmarks" / "nas_bench.md"
    update_document(document, "queries", "first")
    update_document(document, "cost", "seconds")
    update_document(document, "queries", "second")
    text = document.read_text("utf-8")
    assert "first" not in text
    assert text.index("second") < text.index("## Short trainings") < text.index("seconds\n")
    document.write_text("something else")
    with pytest.raises(BenchError, match="<!-- results: cost -->"):
        update_document(document, "cost", "seconds")
    with pytest.raises(BenchError, match="<!-- results: cost -->"):
        check_document(document, "cost")


def test_the_command_reproduces_the_results() -> None:
    specs = [read_method("RegularizedEvolution(population=10, sample=3)"), read_method("nni.TPE")]
    line = command(["nb201-hw"], specs, 30, "queries", {"evaluations": 200}, True)
    assert line == (
        "nasbridge bench nb201-hw --method 'RegularizedEvolution(population=10, sample=3)' "
        "--method nni.TPE --seeds 30 --protocol queries --evaluations 200 --data FOLDER"
    )
    _, made = notes(line, [read_method("optuna.TPESampler")])
    assert line in made
    assert "optuna 5" in made
