# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's registry of experiments: one JSON file in the home folder, whatever place they have.

`nnictl` finds experiments there. One whose place goes with the end of its run would stay there for
ever, with a path that leads nowhere.
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

STALE = 2  # seconds after which NNI itself takes a lock for one that was left behind
PATIENCE = 10  # seconds until the entry is left where it is: NNI can live with it


def is_temporary(place: Path) -> bool:
    """Tell whether a place is below the system's temporary directory."""
    return place.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


def is_registered(experiment: str) -> bool:
    """Tell whether NNI's registry has an experiment; not where it cannot be read."""
    with suppress(OSError, ValueError):
        return experiment in json.loads((Path(NNI_HOME_DIR) / ".experiment").read_text("utf-8"))
    return False


def forget(experiment: str) -> None:
    """Remove an experiment's entry, and no other, from NNI's registry.

    A registry that cannot be read, as when a process was killed while it wrote, is left as it is;
    so is one whose lock is not to be had.

    Args:
        experiment: NNI's id of it.
    """
    registry = Path(NNI_HOME_DIR) / ".experiment"
    if not registry.is_file():
        return
    path: Any = str(registry)  # their annotation names a module
    lock = get_file_lock(path, stale=STALE)
    with suppress(OSError, ValueError), lock.acquire(timeout=PATIENCE):
        entries = json.loads(registry.read_text("utf-8"))
        if not isinstance(entries, dict) or entries.pop(experiment, None) is None:
            return
        # Whoever reads without the lock sees the old entries or the new ones, not half of them.
        made = registry.with_name(f"{registry.name}.{uuid4().hex}")
        made.write_text(json.dumps(entries, indent=4), "utf-8")
        made.replace(registry)
