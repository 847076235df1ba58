r"""NNI's web UI in a browser: it shows the trials, their values and whole architectures.

The screenshots of docs/integrations/nni.md show a run with `keep`, by two commands:

    nasbridge run examples/digits.py --backend nni --jobs 2 --option port=8080 \
        --option assessor=Medianstop --option keep=true
    python tests/adapters/nni/test_browser.py http://127.0.0.1:8080 docs
"""

import re
import shutil
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from nasbridge import Experiment, History, MedianAtStepPruner, RandomSearch
from nasbridge import testing as material
from nasbridge.adapters.nni.database import experiment_in
from nasbridge.adapters.nni.manager import Manager
from nasbridge.engine import ActiveTrial
from nasbridge.engine.driver import Silent
from nasbridge.spaces import Architecture

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("nni_browser")]

DRAWN = 4000  # milliseconds until the page has drawn everything
FONTS = "res.cdn.office.net"  # host of the page's fonts


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Report a curve; trial 4 fails."""
    if trial.number == 4:
        raise MemoryError("no memory for this one")
    return material.evaluate_curve(architecture, trial)


EXPERIMENT = Experiment(
    material.chain(),
    evaluate,
    {"score": "max", "size": "min"},
    strategy=RandomSearch(),
    trials=14,
    seed=2,
    pruner=MedianAtStepPruner(startup=3),
)


@contextmanager
def shown(directory: Path) -> Generator[tuple[str, History]]:
    """Run the experiment and show it as `nasbridge view` does; yield its address and history."""
    history = EXPERIMENT.run("nni", directory, 0, Silent())
    assert len(history.of_state("failed")) == 1
    assert len(history.of_state("pruned")) >= 1
    known = experiment_in(directory / "nni")
    assert known is not None
    manager = Manager(directory / "nni", None)
    try:
        manager.view(known)
        yield manager.url, history
    finally:
        manager.close()


@contextmanager
def chromium() -> Generator[Browser]:
    """Yield a browser without pytest."""
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"]
        )


def open_page(browser: Browser, errors: list[str]) -> Page:
    page = browser.new_page(viewport=ViewportSize(width=1440, height=900))
    page.route(f"**/{FONTS}/**", lambda route: route.abort())
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


def details(page: Page, url: str, tab: str) -> None:
    """Open a tab of the page with all trials."""
    page.goto(f"{url}/detail")
    page.get_by_role("tab", name=tab).click()


def row_of(page: Page, number: int) -> Locator:
    """Return the row of a trial."""
    cell = page.locator("[data-automation-key=sequenceId]", has_text=re.compile(f"^{number}$"))
    return page.locator(".ms-DetailsRow-fields", has=cell).first


def expand(page: Page, number: int) -> Locator:
    """Expand the row of a trial and return its details."""
    row_of(page, number).locator("[data-icon-name=ChevronRight]").click()
    return page.locator(".openRow")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, History]]:
    with shown(tmp_path_factory.mktemp("run")) as run:
        yield run


@pytest.fixture
def url(run: tuple[str, History]) -> str:
    return run[0]


@pytest.fixture
def history(run: tuple[str, History]) -> History:
    return run[1]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    errors: list[str] = []
    page = open_page(browser, errors)
    yield page
    assert not errors
    page.close()


def test_the_overview_names_the_search(page: Page, url: str) -> None:
    page.goto(f"{url}/oview")
    expect(page.locator("body")).to_contain_text("RandomSearch")
    expect(page.locator("body")).to_contain_text("Best metric")
    expect(page.locator("body")).to_contain_text("SUCCEEDED")


def test_no_tab_is_blank(page: Page, url: str) -> None:
    page.goto(f"{url}/detail")
    for tab in ("Default metric", "Hyper-parameter", "Duration", "Intermediate result"):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator("canvas").first).to_be_visible()
        expect(page.locator("body")).to_contain_text("EARLY_STOPPED")
        expect(page.locator("body")).to_contain_text("FAILED")


def test_each_row_shows_the_value_of_its_own_trial(page: Page, url: str, history: History) -> None:
    details(page, url, "Default metric")
    for trial in history:
        row = row_of(page, trial.number)
        row.scroll_into_view_if_needed()
        shown_values = re.findall(r"(-?[0-9.]+) \((FINAL|LATEST)\)", row.inner_text())
        if trial.state == "failed":
            assert shown_values == []
        else:
            ((value, _),) = shown_values
            assert float(value) == pytest.approx(trial.values["score"], abs=1e-5)


def test_an_expanded_row_shows_the_whole_architecture(
    page: Page, url: str, history: History
) -> None:
    details(page, url, "Default metric")
    details_of_row = expand(page, 1)
    architecture = next(trial.architecture for trial in history if trial.number == 1)
    for text in ("arch", "n_conv", *architecture.choices):
        expect(details_of_row).to_contain_text(text)


def test_metrics_are_axes_of_the_parallel_plot(page: Page, url: str) -> None:
    details(page, url, "Hyper-parameter")
    page.get_by_role("button", name="Add/Remove axes").click()
    for axis in ("depth", "n_conv", "arch", "default", "size"):
        expect(page.locator(".ms-Dialog-main")).to_contain_text(axis)


def test_the_server_has_a_picture_of_each_architecture(page: Page, url: str) -> None:
    jobs = page.request.get(f"{url}/api/v1/nni/trial-jobs").json()
    for job in jobs:
        address = f"{url}/api/v1/nni/trial-file/{job['trialJobId']}/architecture.svg"
        assert page.request.get(address).text().startswith("<svg")


def screenshots(page: Page, url: str, folder: Path) -> None:
    """Write the four screenshots."""
    page.goto(f"{url}/oview")
    page.wait_for_timeout(DRAWN)
    page.screenshot(path=folder / "nni_overview.png")
    for tab in ("Hyper-parameter", "Intermediate result"):
        details(page, url, tab)
        page.wait_for_timeout(DRAWN)
        page.screenshot(path=folder / f"nni_{tab.split()[0].lower()}.png")
    details(page, url, "Hyper-parameter")
    expand(page, 1)
    page.mouse.wheel(0, 600)
    page.wait_for_timeout(DRAWN)
    page.screenshot(path=folder / "nni_row.png")


if __name__ == "__main__":
    page_errors: list[str] = []
    with chromium() as drawing:
        screenshots(open_page(drawing, page_errors), sys.argv[1], Path(sys.argv[2]))
    sys.exit("\n".join(page_errors) or None)
