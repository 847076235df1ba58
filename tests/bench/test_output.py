"""What comes out: Markdown, a picture, a page, and the document in the repository."""

from pathlib import Path

import pytest

from nasbridge.bench import BenchError, Budget, Match, Summary, Table, play, read_spec, summarize
from nasbridge.bench.markdown import check_place, markdown, renew
from nasbridge.bench.notes import command, notes
from nasbridge.bench.page import write_page
from nasbridge.bench.picture import write_picture

NAMES = ("RandomSearch", "optuna.RandomSampler", "nni.TPE")


@pytest.fixture
def summary(table: Table, budget: Budget) -> Summary:
    """Two contenders with three seeds, and one that is missing."""
    specs = [read_spec(name) for name in NAMES]
    records = [
        play(table, Match("toy", spec, seed, budget)) for spec in specs[:2] for seed in range(3)
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
    spec = read_spec("RandomSearch")
    records = [play(pair, Match("toy", spec, seed, two)) for seed in range(2)]
    shares = summarize(pair, two, [spec], records, {})
    empty = summarize(pair, two, [spec], [], {"RandomSearch": "why"})
    write_picture([summary, shares, empty], tmp_path / "a" / "toy.png")
    assert (tmp_path / "a" / "toy.png").read_bytes().startswith(b"\x89PNG")
    write_page([summary, shares, empty], "queries", ["A <note>."], tmp_path / "b" / "toy.html")
    page = (tmp_path / "b" / "toy.html").read_text("utf-8")
    for said in (*NAMES, "nni is &lt;not&gt; there", "A &lt;note&gt;.", "final quality by"):
        assert said in page
    assert "NaN" not in page[page.index('id="charts"') : page.index("</script>")]


def test_each_protocol_has_its_place_in_the_document(tmp_path: Path) -> None:
    document = tmp_path / "docs" / "benchmarks" / "nas_bench.md"
    renew(document, "queries", "first")
    renew(document, "cost", "seconds")
    renew(document, "queries", "second")
    text = document.read_text("utf-8")
    assert "first" not in text
    assert text.index("second") < text.index("## Short trainings") < text.index("seconds\n")
    document.write_text("something else")
    with pytest.raises(BenchError, match="<!-- results: cost -->"):
        renew(document, "cost", "seconds")
    with pytest.raises(BenchError, match="<!-- results: cost -->"):
        check_place(document, "cost")


def test_the_command_can_be_repeated() -> None:
    specs = [read_spec("RegularizedEvolution(population=10, sample=3)"), read_spec("nni.TPE")]
    line = command(["nb201-hw"], specs, 30, "queries", {"evaluations": 200}, True)
    assert line == (
        "nasbridge bench nb201-hw --contender 'RegularizedEvolution(population=10, sample=3)' "
        "--contender nni.TPE --seeds 30 --protocol queries --evaluations 200 --data FOLDER"
    )
    _, made = notes(line, [read_spec("optuna.TPESampler")])
    assert line in made
    assert "optuna 5" in made
