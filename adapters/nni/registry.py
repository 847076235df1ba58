# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's registry of all experiments: one JSON file in the home folder, read by `nnictl`.

A run in a temporary directory removes its entry, which would otherwise stay with a path that no
longer exists.
"""

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from nni.tools.nnictl.common_utils import get_file_lock
from nni.tools.nnictl.constants import NNI_HOME_DIR

__all__ = ["forget", "is_registered", "is_temporary"]

STALE_SECONDS = 2  # age at which NNI itself considers a lock abandoned
LOCK_TIMEOUT = 10  # seconds; without the lock the entry stays, which does no harm


def is_temporary(folder: Path) -> bool:
    """Return whether a folder is below the system's temporary directory."""
    return folder.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


def is_registered(experiment: str) -> bool:
    """Return whether the registry has an experiment; False if it cannot be read."""
    with suppress(OSError, ValueError):
        return experiment in json.loads((Path(NNI_HOME_DIR) / ".experiment").read_text("utf-8"))
    return False


def forget(experiment: str) -> None:
    """Remove one entry from the registry, by NNI's id.

    A registry that is damaged or locked is left unchanged.
    """
    registry = Path(NNI_HOME_DIR) / ".experiment"
    if not registry.is_file():
        return
    path: Any = str(registry)  # NNI annotates a module here
    lock = get_file_lock(path, stale=STALE_SECONDS)
    with suppress(OSError, ValueError), lock.acquire(timeout=LOCK_TIMEOUT):
        entries = json.loads(registry.read_text("utf-8"))
        if not isinstance(entries, dict) or entries.pop(experiment, None) is None:
            return
        # Replace the file, because some readers take no lock.
        draft = registry.with_name(f"{registry.name}.{uuid4().hex}")
        draft.write_text(json.dumps(entries, indent=4), "utf-8")
        draft.replace(registry)
