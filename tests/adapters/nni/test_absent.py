"""Without NNI the backend names its extra."""

import subprocess
import sys

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("nni", "websockets"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""

MISSING = """
from nasbridge import MissingExtra
from nasbridge.adapters import backend

try:
    backend("nni")
except MissingExtra as error:
    assert "nasbridge[nni]" in str(error), error
else:
    raise AssertionError("it was imported")
"""


def run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_extra_is_named_where_nni_is_absent() -> None:
    run(MISSING)
