"""The report of a search: its contents for any history, its charts, and its scripts."""

import base64
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy
import plotly.graph_objects  # pyright: ignore[reportMissingTypeStubs]
import pytest

from nasbridge import Experiment, RandomSearch
from nasbridge.engine import ActiveTrial
from nasbridge.report import write_report
from nasbridge.report.curves import curve_charts
from nasbridge.report.data import ReportData
from nasbridge.report.front import front_charts
from nasbridge.report.progress import progress_charts
from nasbridge.report.trials import cards
from nasbridge.spaces import (
    Architecture,
    Chain,
    Choice,
    Integer,
    MissingExtra,
    SearchSpace,
    Space,
    layer,
)
from nasbridge.strategies import History, Objective, Step, Trial

NETWORK = Chain(
    layer("Dense", units=Choice([16, 32, 64], name="units"), activation="relu"),
    layer("Dense", units=10),
)
VALUES = Space({"units": Choice([16, 32, 64]), "layers": Integer(1, 9)})
ACCURACY = Objective("accuracy", "max")
SIZE = Objective("size", "min")


def ended(
    number: int,
    state: Literal["running", "complete", "pruned", "failed"],
    values: Sequence[float] = (),
    space: SearchSpace = VALUES,
    **settings: Any,
) -> Trial:
    """Return a trial with values of ACCURACY and SIZE, in this order."""
    architecture = space.sample(numpy.random.default_rng(number))
    metrics = zip([ACCURACY.metric, SIZE.metric], values, strict=False)
    return Trial(number, architecture, state, dict(metrics), **settings)


def one(*trials: Trial) -> History:
    return History(VALUES, (ACCURACY,), trials, seed=7, strategy="RandomSearch()")


def two(*trials: Trial) -> History:
    return History(VALUES, (ACCURACY, SIZE), trials)


class Page(HTMLParser):
    """The elements, the text and the scripts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.words = html, ""
        self.tags = Counter[str]()
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(html)
        self.text = " ".join(self.words.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._inside = tag if tag in ("script", "style") else ""
        self.words += " "

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif not self._inside:
            self.words += data

    def charts(self) -> Any:
        return json.loads(self.scripts[0], parse_constant=pytest.fail)


Report = Callable[..., Page]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Writes a report and reads it."""

    def make(history: History, **settings: Any) -> Page:
        path = write_report(history, tmp_path / "new" / "report.html", **settings)
        return Page(path.read_text("utf-8"))

    return make


def curve(*values: float) -> tuple[Step, ...]:
    return tuple(Step(step, {"accuracy": value}) for step, value in enumerate(values, start=1))


def test_the_report_shows_settings_and_results(report: Report) -> None:
    page = report(
        one(
            ended(0, "complete", [0.5], seconds=60.0, started=0.0, finished=60.0),
            ended(1, "pruned", [0.25], seconds=30.0, started=60.0, finished=90.0),
            ended(2, "failed", notes={"error": "MemoryError: no more"}),
            ended(3, "complete", [0.75], seconds=120.0, started=90.0, finished=210.0),
            ended(4, "running"),
        ),
        title="Digits",
    )
    text = page.text
    assert text.startswith("Digits")
    assert "5 trials of RandomSearch(), seed 7." in text
    assert "best accuracy 0.75 trial 3" in text
    assert "2 complete, 1 pruned, 1 failed, 1 running" in text
    assert "time 3 min 30 s 3 min 30 s of evaluation" in text
    assert "space 27 architectures, 2 decisions" in text
    assert "MemoryError: no more" in text
    assert "layers an integer from 1 to 9 always" in text
    assert "strategy=RandomSearch(), trials=5, seed=7," in text


def test_the_report_names_the_command_that_repeats_a_run(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["search.py", "--name", "my run"])

    def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
        return {"accuracy": 0.5}

    experiment = Experiment(VALUES, evaluate, {"accuracy": "max"}, RandomSearch(), 2, seed=5)
    history = experiment.run(directory=tmp_path / "run")
    page = report(history, directory=tmp_path / "run")
    assert "python search.py --name 'my run'" in page.text
    assert "seed=5," in page.text
    assert ").run(backend='local')" in page.text
    assert "python search.py" not in report(history).text


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (["/somewhere/bin/nasbridge", "run", "a.py"], "nasbridge run a.py"),
        (["/somewhere/nasbridge/__main__.py", "run", "a.py"], "python -m nasbridge run a.py"),
    ],
)
def test_commands_are_shown_as_they_are_typed(report: Report, argv: list[str], shown: str) -> None:
    history = History(VALUES, (ACCURACY,), metadata={"origin": {"command": argv}})
    assert f"<code>{shown}</code>" in report(history).html


def test_the_report_lists_the_versions_of_the_libraries(report: Report) -> None:
    plain = History(
        VALUES, (ACCURACY,), (ended(0, "complete", [1]),), metadata={"backend": "local"}
    )
    trial = ended(0, "complete", [1], NETWORK)
    network = History(NETWORK, (ACCURACY,), (trial,), metadata={"backend": "optuna"})
    assert version("optuna") not in report(plain).text
    for library in ("optuna", "keras"):
        assert f"{library} {version(library)}" in report(network).text


def test_the_same_history_gives_the_same_page(report: Report) -> None:
    history = one(*(ended(k, "complete", [k / 9], curve=curve(0.1, k / 9)) for k in range(9)))
    assert report(history).html == report(history).html


AWKWARD = {
    "empty": one(),
    "only failed": one(*(ended(k, "failed", notes={"error": "oops"}) for k in range(3))),
    "only running": one(ended(0, "running", curve=curve(0.1, 0.2))),
    "one trial": one(ended(0, "complete", [0.5])),
    "one step": one(ended(0, "complete", [0.5], curve=curve(0.5))),
    "only pruned": one(*(ended(k, "pruned", [0.5], curve=curve(0.5)) for k in range(3))),
    "no times": one(ended(0, "complete", [0.5], seconds=None)),
    "backward times": one(ended(0, "complete", [0.5], started=9.0, finished=1.0)),
    "equal values": one(*(ended(k, "complete", [0.5]) for k in range(40))),
    "odd reports": one(ended(0, "complete", [0.5], curve=curve(float("nan"), float("inf"), 0.5))),
    "no metric": one(Trial(0, VALUES.sample(numpy.random.default_rng(0)), "complete", {"x": 1})),
    "two objectives, empty": two(),
    "two objectives": two(ended(0, "complete", [0.5, 3]), ended(1, "complete", [0.6, 4])),
    "two objectives, one missing": two(ended(0, "pruned", [0.5]), ended(1, "complete", [0.6, 4])),
}


@pytest.mark.parametrize("history", AWKWARD.values(), ids=AWKWARD.keys())
def test_any_history_has_every_section(report: Report, history: History) -> None:
    page = report(history)
    sections = [value for tag, name, value in page.attributes if (tag, name) == ("section", "id")]
    several = len(history.objectives) > 1
    assert sections == [
        *("summary", "progress", "curves", *["front"] * several),
        *("best", "importance", "trials", "again"),
    ]
    for name, chart in page.charts().items():
        assert ("div", "id", name) in page.attributes
        plotly.graph_objects.Figure(chart["data"], chart["layout"])  # rejects unknown properties


def test_missing_results_are_explained(report: Report) -> None:
    text = report(AWKWARD["only failed"]).text
    assert "There is no best value yet: no trial is complete." in text
    assert "Too few trials: 0 have a value, 30 are needed." in text
    assert "No trial has begun." in report(AWKWARD["empty"]).text


def series(chart: Any, name: str) -> Any:
    (found,) = [trace for trace in chart.data if trace["name"] == name]
    return found


@pytest.mark.parametrize(
    ("way", "best", "places"), [("max", [3, 5, 5], [1, 3, 5]), ("min", [3, 2, 2], [1, 4, 5])]
)
def test_best_so_far(way: Literal["max", "min"], best: list[float], places: list[int]) -> None:
    values = [3, 5, 2, 4]
    trials = [ended(k, "complete", [value]) for k, value in enumerate(values)]
    trials.insert(1, ended(9, "failed"))
    history = History(VALUES, (Objective("accuracy", way),), tuple(trials))
    (chart,) = progress_charts(ReportData(history))
    line = series(chart, "best so far")
    assert line["y"] == best
    assert line["x"] == places
    assert ("↑" if way == "max" else "↓") in chart.layout["yaxis"]["title"]["text"]


def test_the_clock_stops_while_no_trial_runs() -> None:
    spans = [(0, 100), (50, 130), (1000, 1020), (1010, 1015)]
    trials = [
        ended(k, "complete", [k], started=float(a), finished=float(b))
        for k, (a, b) in enumerate(spans)
    ]
    view = ReportData(one(*trials))
    assert view.searched == 150
    assert [view.clock(trial) for trial in trials] == [100, 130, 150, 145]
    _, chart = progress_charts(view)
    assert chart.layout["xaxis"]["title"]["text"] == "minutes of search"
    assert series(chart, "complete")["x"] == [100 / 60, 130 / 60, 150 / 60, 145 / 60]


def test_a_diverged_value_is_outside_the_axis_and_counted() -> None:
    values = [0.5, 0.6, 0.7, 0.65, 0.55, -1e9]
    (chart,) = progress_charts(
        ReportData(one(*(ended(k, "complete", [v]) for k, v in enumerate(values))))
    )
    low, high = chart.layout["yaxis"]["range"]
    assert 0.4 < low < 0.5
    assert 0.7 < high < 0.8
    assert chart.caption == "1 much worse value lies outside; a double click shows all."


def test_sizes_over_decades_have_a_logarithmic_axis() -> None:
    trials = [ended(k, "complete", [0.5, 10.0**k]) for k in range(6)]
    accuracy, size = progress_charts(ReportData(two(*trials)))
    assert size.layout["yaxis"]["type"] == "log"
    assert "type" not in accuracy.layout["yaxis"]


def test_learning_curves_mark_what_was_pruned() -> None:
    trials = [
        ended(0, "complete", [0.9], curve=curve(0.3, 0.6, 0.9)),
        ended(1, "complete", [0.8], curve=curve(0.2, float("nan"), 0.8)),
        ended(2, "pruned", [0.1], curve=curve(0.1)),
        ended(3, "pruned", [0.3], curve=curve(0.1, 0.3)),
    ]
    (chart,) = curve_charts(ReportData(one(*trials)))
    assert series(chart, "complete")["x"] == [1, 2, 3, None, 1, 3, None]
    assert series(chart, "complete")["customdata"][4:6] == (1, 1)
    assert series(chart, "best")["y"] == [0.3, 0.6, 0.9, None]
    ends = series(chart, "stopped here")
    assert (ends["x"], ends["y"], ends["customdata"]) == ([1, 2], [0.1, 0.3], [2, 3])


def test_a_sample_of_many_curves_is_drawn() -> None:
    trials = [ended(k, "complete", [k], curve=curve(0.0, k)) for k in range(1000)]
    (chart,) = curve_charts(ReportData(one(*trials)))
    drawn = [n for n in series(chart, "complete")["customdata"] if n is not None]
    assert len(set(drawn)) == 100
    assert {0, 999} <= set(drawn)
    assert chart.caption == "100 of the 1,000 curves of complete trials are drawn."


def test_many_trials_are_thinned_without_losing_improvements(report: Report) -> None:
    better = [3, 1500, 2999, 4900]
    values = [5000.0 + k if k in better else float(k % 100) for k in range(5000)]
    history = one(*(ended(k, "complete", [value]) for k, value in enumerate(values)))
    data = ReportData(history)
    chart = next(progress_charts(data))
    assert len(series(chart, "complete")["x"]) <= 2000
    assert {float(k + 1) for k in better} <= set(series(chart, "complete")["x"])
    assert series(chart, "best so far")["y"][-2:] == [9900.0, 9900.0]
    assert "2,000 of 5,000 complete trials are drawn" in chart.caption
    listed = {trial.number for trial in data.listed}
    assert listed >= {*better, *range(4000, 5000)}
    assert len(listed) <= 2000
    page = report(history)
    assert re.search(r"The table contains 1,\d{3} of 5,000 trials: the best", page.text)
    assert len(page.html) < 8_000_000


def test_a_metric_that_is_constant_in_a_trial_has_no_learning_curve() -> None:
    steps = tuple(Step(k, {"accuracy": k / 9, "size": 5.0}) for k in range(3))
    charts = list(curve_charts(ReportData(two(ended(0, "complete", [0.5, 5.0], curve=steps)))))
    assert [chart.title for chart in charts] == ["accuracy while training"]


def test_the_front_is_that_of_the_history() -> None:
    rng = numpy.random.default_rng(0)
    history = two(*(ended(k, "complete", rng.random(2).tolist()) for k in range(60)))
    (chart,) = front_charts(ReportData(history))
    front, rest = series(chart, "Pareto front"), series(chart, "dominated")
    expected = {(t.values["size"], t.values["accuracy"]) for t in history.pareto}
    assert set(zip(front["x"], front["y"], strict=True)) == expected
    assert len(front["x"]) + len(rest["x"]) == 60
    assert chart.layout["xaxis"]["title"]["text"] == "size (← better)"
    assert chart.layout["yaxis"]["title"]["text"] == "accuracy (↑ better)"
    assert front["y"] == sorted(front["y"], reverse=True)


def test_three_objectives_are_drawn_in_pairs() -> None:
    objectives = (ACCURACY, SIZE, Objective("latency", "min"))
    architecture = VALUES.sample(numpy.random.default_rng(0))
    trial = Trial(0, architecture, "complete", {"accuracy": 1, "size": 2, "latency": 3})
    charts = list(front_charts(ReportData(History(VALUES, objectives, (trial,)))))
    pairs = ["accuracy by size", "accuracy by latency", "size by latency"]
    assert [chart.title for chart in charts] == pairs


def test_the_best_five_are_shown_in_order() -> None:
    history = one(*(ended(k, "complete", [value]) for k, value in enumerate([3, 9, 1, 7, 5, 7, 2])))
    assert [card.number for card in cards(ReportData(history))] == [1, 3, 5, 4, 0]


def test_five_of_a_front_are_spread_over_it() -> None:
    history = two(*(ended(k, "complete", [k, k]) for k in range(9)))
    assert [card.number for card in cards(ReportData(history))] == [8, 6, 4, 2, 0]


def test_networks_are_drawn_and_values_listed(report: Report) -> None:
    mixed = Space({"lr": Choice([0.1, 0.2]), "body": NETWORK})
    for space, pictures in ((VALUES, 0), (NETWORK, 1), (mixed, 1)):
        history = History(space, (ACCURACY,), (ended(0, "complete", [1], space),))
        (card,) = cards(ReportData(history))
        assert len(card.pictures) == pictures
        assert card.choices.keys() == history[0].architecture.choices.keys()
        assert report(history).tags["svg"] == pictures


def test_only_our_own_scripts_may_run(report: Report) -> None:
    page = report(AWKWARD["two objectives"])
    (policy,) = [value for _, _, value in page.attributes if value.startswith("default-src")]
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    found = re.findall(r"<script>(.*?)</script>", page.html, re.DOTALL)
    assert allowed == {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in found
    }
    assert len(allowed) == 2
    assert policy.startswith("default-src 'none'")
    urls = [value for _, name, value in page.attributes if name in ("src", "href")]
    assert all(url.startswith(("#", "data:")) for url in urls)


@pytest.mark.parametrize("library", ["jinja2", "plotly.offline", "sklearn.ensemble"])
def test_a_library_that_is_not_installed_names_the_extra(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    history = one(*(ended(k, "complete", [k]) for k in range(30)))
    with pytest.raises(MissingExtra, match=r"pip install 'nasbridge\[report\]'") as raised:
        write_report(history, tmp_path / "report.html")
    assert raised.value.extra == "report"
    assert not (tmp_path / "report.html").exists()
