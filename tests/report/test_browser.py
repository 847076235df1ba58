"""The report in a browser: everything is visible at both widths, and nothing is loaded."""

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from nasbridge import Experiment, MedianPruner, RandomSearch
from nasbridge.engine import ActiveTrial
from nasbridge.report import write_report
from nasbridge.spaces import Architecture, Chain, Choice, Integer, Repeat, layer
from nasbridge.strategies import History, Objective, Step, Trial

pytestmark = pytest.mark.xdist_group("report-browser")

WIDTHS = [1280, 390]
SECTIONS = ["summary", "progress", "curves", "front", "best", "importance", "trials", "again"]
ROWS = 30  # rows of the table that are visible at first
TRIALS = 60

SPACE = Chain(
    Repeat(
        Choice(
            {
                "dense": layer("Dense", units=Integer(4, 64), activation="relu"),
                "<b>wide</b>": layer("Dense", units=256),
                "skip": layer("Identity"),
            },
            name="op",
        ),
        times=Integer(2, 5, name="depth"),
    ),
    layer("Dense", units=10, activation="softmax"),
)


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Return a high accuracy after a skip; three trials fail."""
    size = float(architecture.cost((8,)).parameters)
    if trial.number % 20 == 7:
        raise MemoryError("<script>document.title = 'owned'</script> " + "x" * 300)
    final = (0.9 if architecture["op.0"] == "skip" else 0.5) - 0.02 * architecture["depth"]
    for epoch in range(1, 9):
        trial.report(epoch, accuracy=final * (1 - math.exp(-epoch / 4)), parameters=size)
    return {"accuracy": final, "parameters": size}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a search with two objectives, pruned trials and failed ones."""
    experiment = Experiment(
        SPACE,
        evaluate,
        {"accuracy": "max", "parameters": "min"},
        RandomSearch(),
        trials=TRIALS,
        pruner=MedianPruner(),
    )
    directory = tmp_path_factory.mktemp("run")
    history = experiment.run(directory=directory)
    assert len(history.of_state("pruned")) > 3
    assert len(history.of_state("failed")) == 3
    return write_report(history, directory / "report.html", directory)


@contextmanager
def opened(browser: Browser, file: Path, width: int) -> Generator[Page]:
    """Open a report in a window; check at the end that it logged and requested nothing."""
    page = browser.new_page(viewport=ViewportSize(width=width, height=900))
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: wrong.append(f"request: {request.url}"))
    page.goto(file.as_uri())
    page.locator(".plot .main-svg").first.wait_for()
    assert wrong.pop(0) == f"request: {file.as_uri()}"
    yield page
    assert not [event for event in wrong if not event.startswith("request: data:")]
    page.close()


@pytest.fixture(scope="module", params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser, file: Path) -> Iterator[Page]:
    """The report in a wide and in a narrow window."""
    with opened(browser, file, request.param) as page:
        yield page


def test_everything_is_visible(page: Page) -> None:
    for section in SECTIONS:
        assert page.locator(f"#{section} > h2").is_visible()
    plots = page.locator(".plot").all()
    assert len(plots) == 6  # progress of two objectives over trials and time, curves, front
    for plot in plots:
        assert plot.get_attribute("aria-label")
        box = plot.locator(".main-svg").first.bounding_box()
        assert box is not None
        assert box["width"] > 250
        assert box["height"] > 250
        assert plot.locator(".scatterlayer .trace").count() > 0
    assert page.locator(".pictures svg").count() > 1
    assert all(picture.is_visible() for picture in page.locator(".pictures svg").all())
    assert page.locator(".bar").first.is_visible()


def test_a_picture_is_enlarged_by_a_click(page: Page) -> None:
    dialog = page.locator("dialog")
    assert not dialog.is_visible()
    page.locator(".pictures button").first.click()
    assert dialog.locator("svg").is_visible()
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


def numbers(page: Page, column: int) -> list[str]:
    cells = "[...document.querySelectorAll('.sortable tbody tr')].map(row => row.cells[%d]%s)"
    return list(page.evaluate(cells % (column, ".dataset.value")))


def test_the_table_is_sorted_by_a_click(page: Page) -> None:
    heading = page.locator(".sortable thead th", has_text="accuracy")
    for way, sign in (("ascending", 1), ("descending", -1)):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == way
        values = numbers(page, 2)
        known = [float(value) for value in values if value]
        assert len(known) == TRIALS - 3
        assert known == sorted(known, key=lambda value: sign * value)
        assert values[-3:] == ["", "", ""], "failed trials come last, either way"
    page.locator(".sortable thead th", has_text="trial").locator("button").click()
    assert numbers(page, 0) == [str(number) for number in range(TRIALS)]


def test_the_table_shows_all_trials_when_asked(page: Page) -> None:
    shown = page.locator(".sortable tbody tr:visible")
    assert shown.count() == ROWS
    page.click("#all")
    assert shown.count() == TRIALS
    assert page.locator(".error:visible").count() == 3
    assert page.title() == "Architecture search"


def test_nothing_overflows_the_page(page: Page) -> None:
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    parts = "h1, h2, p, dl, figure, .plot, .pictures, .cards > li, .sortable"
    outside = "part => part.getBoundingClientRect().right > innerWidth"
    assert page.eval_on_selector_all(parts, f"parts => parts.filter({outside}).length") == 0


def test_charts_follow_the_colour_scheme_and_the_window(page: Page) -> None:
    title = page.locator(".plot .xtitle").first
    light = title.evaluate("title => getComputedStyle(title).fill")
    page.emulate_media(color_scheme="dark")
    expect(title).not_to_have_css("fill", light)
    page.set_viewport_size(ViewportSize(width=700, height=900))
    page.wait_for_function("() => document.querySelector('.plot .main-svg').clientWidth > 500")
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")


HOSTILE = "</script><script>alert(1)</script>"
QUOTES = "<b>\"><img src=x onerror='alert(2)'></b>"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A report in which every text of the history contains markup."""
    label = Choice({HOSTILE: layer("Dense", units=8), QUOTES: layer("Dense", units=9)}, name="op")
    space = Chain(label, layer("Dense", units=Integer(1, 99, name="units")))
    objectives = (Objective(HOSTILE, "max"), Objective(QUOTES, "min"))
    rng = numpy.random.default_rng(0)
    trials = [
        Trial(
            number,
            space.sample(rng),
            "failed" if number == 3 else "complete",
            {HOSTILE: rng.random(), QUOTES: rng.random()},
            (Step(1, {HOSTILE: 0.0}), Step(2, {HOSTILE: 1.0})),
            notes={"error": HOSTILE + QUOTES},
        )
        for number in range(40)
    ]
    metadata = {"backend": HOSTILE, QUOTES: QUOTES, "origin": {"command": [HOSTILE, QUOTES]}}
    history = History(space, objectives, tuple(trials), 0, HOSTILE, metadata)
    return write_report(history, tmp_path / "report.html", title=HOSTILE)


def test_markup_in_texts_is_escaped(browser: Browser, hostile: Path) -> None:
    with opened(browser, hostile, 1280) as page:
        assert page.title() == HOSTILE
        assert page.locator("script").count() == 3
        assert page.locator("img, [onerror], .plot a").count() == 0
        for section in ("header", "#summary", "#best", "#trials", "#again", "#front .xtitle"):
            text = page.locator(section).text_content() or ""
            assert HOSTILE in text or QUOTES in text
