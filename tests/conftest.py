"""Fixtures and settings of all tests."""

import multiprocessing
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

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

# Ray starts its workers at niceness 15, so beside other tests they would hardly run at all.
os.environ.setdefault("RAY_worker_niceness", "0")

# Processes that tests fork from the server find these frameworks imported; the list is global.
multiprocessing.set_forkserver_preload(
    [
        "alembic.command",
        "nasbridge.testing.soak",
        "nasbridge.adapters.keras_tuner",
        "nasbridge.adapters.nni",
        "nasbridge.adapters.optuna",
    ]
)


# Single tests of more than 20 seconds, which would otherwise run alone at the end.
LONGEST = (
    "tests/spaces/keras/test_backends.py",
    "tests/adapters/autokeras/test_backends.py",
    "tests/adapters/keras_tuner/test_workers.py",
    "tests/test_documents.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first; pytest-xdist starts those in groups before all others."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium with a temporary profile."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.fail("no Chromium: run make browser, or name it with make test CHROMIUM=...")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def local_ray() -> Iterator[Any]:
    """One Ray instance of two cores for all tests of a worker, since it starts slowly."""
    import ray

    from nasbridge.adapters.ray_tune.cluster import instance

    with ExitStack() as stack:
        with pytest.warns(UserWarning, match="all network interfaces"):
            stack.enter_context(instance(None, {"cpu": 1}, 2))
        yield ray
