"""NNI's web UI stays up until Ctrl-C: `keep=True` of a run, and `nasbridge view`."""

import sys
import time
from contextlib import suppress
from pathlib import Path

from ...engine.errors import BackendError
from ...engine.signals import interruptible
from ...strategies import History
from .compat import LOOPBACK
from .database import database_at
from .manager import Manager
from .store import NNIStore

__all__ = ["FOLDER", "keep_after", "keep_after_error", "view"]

FOLDER = "nni"  # NNI's working directory, below the run's directory
CHECK_SECONDS = 0.5


def _keep(manager: Manager, directory: Path) -> None:
    """Wait until Ctrl-C.

    Raises:
        BackendError: NNI has ended.
    """
    url = manager.url
    print(f"The web UI of {directory} stays at {url} until Ctrl-C", file=sys.stderr)
    with suppress(KeyboardInterrupt), interruptible():
        while True:
            time.sleep(CHECK_SECONDS)
            manager.check()


def keep_after(history: History, store: NNIStore, directory: Path) -> None:
    """Keep the web UI of a finished run open until Ctrl-C."""
    print(f"{len(history)} trials{_result(history)}", file=sys.stderr)
    _keep(store.manager, directory)


def _result(history: History) -> str:
    if not history.of_state("complete"):
        return ""
    if len(history.objectives) > 1:
        return f", {len(history.pareto)} on the Pareto front"
    return f", the best has {dict(history.best.values)}"


def keep_after_error(error: Exception, store: NNIStore, directory: Path) -> None:
    """Keep the web UI of a failed run open until Ctrl-C, if NNI has survived the error."""
    if store.is_running:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        store.wait_for_ends()
        with suppress(BackendError):  # NNI has ended; the caller raises the first error
            _keep(store.manager, directory)


def view(directory: Path | str, port: int | None = None, host: str = LOOPBACK) -> None:
    """Show a run, or any stopped NNI experiment, in NNI's web UI until Ctrl-C.

    Args:
        directory: A run's directory, the folder of an NNI experiment, or NNI's working directory.
        port: The port of the web UI, from 1 to 65535; None takes a free one.
        host: The address that it listens on; NNI has no authentication.

    Raises:
        BackendError: There is no experiment, or more than one, or NNI does not start.
    """
    place = Path(directory)
    folder = database_at(place / FOLDER if (place / FOLDER).is_dir() else place).parent.parent
    manager = Manager(folder.parent, port, host)
    try:
        manager.view(folder.name)
        _keep(manager, folder)
    finally:
        manager.close()
