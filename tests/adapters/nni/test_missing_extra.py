"""Without NNI, the backend's error names the extra to install."""

import subprocess
import sys

WITHOUT_NNI = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("nni", "websockets"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())

from nasbridge import MissingExtra
from nasbridge.adapters import backend

try:
    backend("nni")
except MissingExtra as error:
    assert "nasbridge[nni]" in str(error), error
else:
    raise AssertionError("no error")
"""


def test_missing_nni_names_the_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NNI],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
