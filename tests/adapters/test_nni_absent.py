"""The parts of the NNI adapter that need no NNI work where there is none."""

import subprocess
import sys

PURE = (
    "_nni_architecture",
    "_nni_class_args",
    "_nni_client",
    "_nni_database",
    "_nni_history",
    "_nni_shown",
    "_nni_space",
)

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("nni", "websockets"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""

TRIP = """
from nasbridge.adapters._nni_history import metrics_from
from nasbridge.adapters._nni_architecture import architecture_from
from nasbridge.adapters._nni_shown import parameters_of
from nasbridge.adapters._nni_space import from_native, to_native
from nasbridge.strategies import Objective

space = from_native({"units": {"_type": "quniform", "_value": [0.1, 0.5, 0.1]}})
for member in space.enumerate():
    assert architecture_from(parameters_of(member), space) == member
    assert architecture_from({"units": member["units"]}, space) == member
assert list(to_native(space)) == ["units"]
assert metrics_from({"default": 1, "n": "x"}, [Objective("score")]) == {"score": 1.0}
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


def test_the_pure_parts_are_imported_and_work_without_nni() -> None:
    imports = "".join(f"import nasbridge.adapters.{part}\n" for part in PURE)
    run(imports + TRIP + 'assert not {"nni", "websockets"} & set(sys.modules)\n')


def test_the_extra_is_named_where_nni_is_absent() -> None:
    run(MISSING)
