"""Methods by name: `RandomSearch`, `optuna.TPESampler(n_startup_trials=20)`."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, cast, final

from .. import strategies
from ..spaces import NasbridgeError
from ..strategies import Strategy
from .errors import BenchError
from .method import Method, StrategyMethod, Task

__all__ = ["DEFAULTS", "BASELINES", "MethodSpec", "read_method", "strategy_names"]


class Baseline(NamedTuple):
    """A search method of another library.

    Attributes:
        module: The module of this package that imports the library.
        library: Import name of the library.
        package: Name of its package, for `pip install`.
        several: Whether it supports several objectives.
        needs: A further library that it imports on use, by the name of its package.
    """

    module: str
    library: str
    package: str
    several: bool = False
    needs: str = ""


class BaselineModule(Protocol):
    """The interface of the modules of baselines."""

    def start(self, name: str, settings: Mapping[str, Any], task: Task) -> Method:
        """Start a search method; its name is given without that of the library."""
        ...


HYPEROPT = Baseline("baseline_hyperopt", "hyperopt", "hyperopt")
KERAS_TUNER = Baseline("baseline_keras_tuner", "keras_tuner", "keras-tuner")
NNI = Baseline("baseline_nni", "nni", "nni")
OPTUNA = Baseline("baseline_optuna", "optuna", "optuna", several=True)
SMAC = Baseline("baseline_smac", "smac", "smac")

BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        "hyperopt.TPE": HYPEROPT,
        "keras_tuner.BayesianOptimization": KERAS_TUNER,
        "keras_tuner.RandomSearch": KERAS_TUNER,
        "nni.Evolution": NNI,
        "nni.TPE": NNI,
        "optuna.GPSampler": OPTUNA._replace(needs="torch"),
        "optuna.NSGAIISampler": OPTUNA,
        "optuna.RandomSampler": OPTUNA,
        "optuna.TPESampler": OPTUNA,
        "smac.HyperparameterOptimization": SMAC,
    }
)
"""The baselines by name; their modules are imported on use."""

STRATEGIES = (
    "BayesianOptimization",
    "RandomSearch",
    "RegularizedEvolution(population=10, sample=3)",
)
DEFAULTS = (*STRATEGIES, *BASELINES)
"""The methods of a benchmark that names none."""


@final
@dataclass(frozen=True)
class MethodSpec:
    """A method by name and settings.

    Attributes:
        label: Name and settings as text, which identifies the method.
        name: The name.
        settings: Keyword arguments.
    """

    label: str
    name: str
    settings: Mapping[str, Any]

    @property
    def is_strategy(self) -> bool:
        """Whether it is a strategy of nasbridge."""
        return self.name not in BASELINES

    def obstacle(self, objectives: int) -> str:
        """Return why the method cannot run; empty if no obstacle is known.

        Args:
            objectives: The number of objectives.
        """
        if self.is_strategy:
            return ""
        baseline = BASELINES[self.name]
        needed = (baseline.library, baseline.package), (baseline.needs, baseline.needs)
        for library, package in needed:
            if library and find_spec(library) is None:
                return f"{library} is not installed: pip install {package}"
        if objectives > 1 and not baseline.several:
            return "supports one objective only"
        return ""

    def start(self, task: Task) -> Method:
        """Start the method on a task.

        Raises:
            ImportError: Its library, or a dependency of it, is not installed.
            StrategyError: The strategy does not suit the task.
        """
        if self.is_strategy:
            return StrategyMethod(_strategy(self.name, self.settings), task)
        module = import_module(f"{__package__}.{BASELINES[self.name].module}")
        name = self.name.partition(".")[2]
        return cast(BaselineModule, module).start(name, self.settings, task)


def strategy_names() -> list[str]:
    """Return the names of all strategies of nasbridge."""
    found = ((name, getattr(strategies, name)) for name in strategies.__all__)
    return [
        name
        for name, value in found
        if isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy
    ]


def read_method(text: str) -> MethodSpec:
    """Parse the name of a method, as on the command line.

    Args:
        text: Name of a strategy or a baseline, optionally with keyword arguments in parentheses.
            A value is a literal or another strategy.

    Raises:
        BenchError: The text cannot be parsed, or the method or a setting does not exist.
        StrategyError: A setting is invalid.

    Example:
        >>> read_method("RegularizedEvolution(population=10,sample=3)").label
        'RegularizedEvolution(population=10, sample=3)'
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        name, settings = _parts(tree)
    except NasbridgeError:  # from a strategy among the settings
        raise
    except (SyntaxError, ValueError) as error:
        raise BenchError(
            f"invalid method {text!r}: write it as Name or Name(setting=value)"
        ) from error
    known = [*strategy_names(), *BASELINES]
    if name not in known:
        raise BenchError(f"unknown method {name!r}: {_hint(name, known)}")
    spec = MethodSpec(ast.unparse(tree).removesuffix("()"), name, settings)
    if spec.is_strategy:
        _strategy(name, settings)  # raises for wrong settings here instead of in a worker
    return spec


def _parts(tree: ast.expr) -> tuple[str, dict[str, Any]]:
    if not isinstance(tree, ast.Call):
        return _dotted(tree), {}
    settings = {keyword.arg: _value(keyword.value) for keyword in tree.keywords}
    if tree.args or None in settings:
        raise ValueError("settings must be keyword arguments")
    return _dotted(tree.func), cast(dict[str, Any], settings)


def _dotted(tree: ast.expr) -> str:
    if isinstance(tree, ast.Attribute):
        return f"{_dotted(tree.value)}.{tree.attr}"
    if isinstance(tree, ast.Name):
        return tree.id
    raise ValueError("not a name")


def _value(tree: ast.expr) -> Any:
    """Evaluate a literal, or a strategy."""
    if isinstance(tree, ast.Tuple | ast.List):
        return tuple(_value(part) for part in tree.elts)
    names = (part.id for part in ast.walk(tree) if isinstance(part, ast.Name))
    if next(names, None) is None:
        return ast.literal_eval(tree)
    return _strategy(*_parts(tree))


def _strategy(name: str, settings: Mapping[str, Any]) -> Strategy[Any]:
    if name not in strategy_names():
        raise BenchError(f"unknown strategy {name!r}: {_hint(name, strategy_names())}")
    strategy = getattr(strategies, name)
    known = [field.name for field in fields(strategy)]
    for setting in settings:
        if setting not in known:
            raise BenchError(f"{name} has no setting {setting!r}: {_hint(setting, known)}")
    try:
        return cast(Strategy[Any], strategy(**settings))
    except TypeError as error:
        raise BenchError(f"invalid settings of {name}: {error}") from error


def _hint(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return meant + (f"use one of {', '.join(known)}" if known else "it has no settings")
