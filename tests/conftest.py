"""What several tests share."""

import multiprocessing
import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Processes of tests import frameworks once for all; a Python process has one such list.
multiprocessing.set_forkserver_preload(
    [
        "alembic.command",
        "nasbridge.testing.soak",
        "nasbridge.adapters.keras_tuner",
        "nasbridge.adapters.nni",
        "nasbridge.adapters.optuna",
    ]
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, with a profile of its own that is removed afterwards."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.fail("no Chromium: run make browser, or name it with make test CHROMIUM=...")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
