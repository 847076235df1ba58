"""Contenders by name: `RandomSearch`, `optuna.TPESampler(n_startup_trials=20)`."""

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
from .contender import Contender, Ours, Task
from .errors import BenchError

__all__ = ["DEFAULTS", "PEERS", "Spec", "read_spec", "strategy_names"]


class Peer(NamedTuple):
    """A search method of another library.

    Attributes:
        module: Ours, which imports that library.
        library: Its import name.
        package: What is to be installed.
        several: Whether it takes several objectives.
        needs: A library that is imported late, under the name of its package.
    """

    module: str
    library: str
    package: str
    several: bool = False
    needs: str = ""


class PeerModule(Protocol):
    """What the modules of peers have."""

    def start(self, name: str, settings: Mapping[str, Any], task: Task) -> Contender:
        """Set a search method to work, by its name without that of the library."""
        ...


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "hyperopt.TPE": Peer("peer_hyperopt", "hyperopt", "hyperopt"),
        "keras_tuner.BayesianOptimization": Peer("peer_keras_tuner", "keras_tuner", "keras-tuner"),
        "keras_tuner.RandomSearch": Peer("peer_keras_tuner", "keras_tuner", "keras-tuner"),
        "nni.Evolution": Peer("peer_nni", "nni", "nni"),
        "nni.TPE": Peer("peer_nni", "nni", "nni"),
        "optuna.GPSampler": Peer("peer_optuna", "optuna", "optuna", several=True, needs="torch"),
        "optuna.NSGAIISampler": Peer("peer_optuna", "optuna", "optuna", several=True),
        "optuna.RandomSampler": Peer("peer_optuna", "optuna", "optuna", several=True),
        "optuna.TPESampler": Peer("peer_optuna", "optuna", "optuna", several=True),
        "smac.HyperparameterOptimization": Peer("peer_smac", "smac", "smac"),
    }
)
"""The peers; each is imported on first use."""

OURS = ("BayesianOptimization", "RandomSearch", "RegularizedEvolution(population=10, sample=3)")
DEFAULTS = (*OURS, *PEERS)
"""Who takes part if nobody is named."""


@final
@dataclass(frozen=True)
class Spec:
    """A contender's name and settings.

    Attributes:
        label: Name and settings as they are shown, and told apart.
        name: The name.
        settings: Its keyword arguments.
    """

    label: str
    name: str
    settings: Mapping[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether it is a strategy of this library."""
        return self.name not in PEERS

    def obstacle(self, objectives: int) -> str:
        """Say why the contender cannot take part; empty if it seems that it can.

        Args:
            objectives: Their number.
        """
        if self.is_ours:
            return ""
        peer = PEERS[self.name]
        for library, package in ((peer.library, peer.package), (peer.needs, peer.needs)):
            if library and find_spec(library) is None:
                return f"{library} is not installed: pip install {package}"
        if objectives > 1 and not peer.several:
            return "takes one objective only"
        return ""

    def start(self, task: Task) -> Contender:
        """Set the contender to work.

        Raises:
            ImportError: Its library, or what that needs, is not installed.
            StrategyError: It does not suit the task.
        """
        if self.is_ours:
            return Ours(_strategy(self.name, self.settings), task)
        module = import_module(f"{__package__}.{PEERS[self.name].module}")
        name = self.name.partition(".")[2]
        return cast(PeerModule, module).start(name, self.settings, task)


def strategy_names() -> list[str]:
    """Return the names of all strategies of the library."""
    found = ((name, getattr(strategies, name)) for name in strategies.__all__)
    return [
        name
        for name, value in found
        if isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy
    ]


def read_spec(text: str) -> Spec:
    """Read a contender as it is named on the command line.

    Args:
        text: A strategy of ours or a peer, with settings as keyword arguments if it has some;
            a setting may be a strategy.

    Raises:
        BenchError: It cannot be read, or there is no such contender or setting.
        StrategyError: A setting has no meaning.

    Example:
        >>> read_spec("RegularizedEvolution(population=10,sample=3)").label
        'RegularizedEvolution(population=10, sample=3)'
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        name, settings = _parts(tree)
    except NasbridgeError:  # of a strategy among the settings
        raise
    except (SyntaxError, ValueError) as error:
        raise BenchError(
            f"the contender {text!r} cannot be read: write it as Name or Name(setting=value)"
        ) from error
    known = [*strategy_names(), *PEERS]
    if name not in known:
        raise BenchError(f"there is no contender {name!r}: {_hint(name, known)}")
    spec = Spec(ast.unparse(tree).removesuffix("()"), name, settings)
    if spec.is_ours:
        _strategy(name, settings)  # wrong settings are an error here, not in a worker
    return spec


def _parts(tree: ast.expr) -> tuple[str, dict[str, Any]]:
    if not isinstance(tree, ast.Call):
        return _dotted(tree), {}
    settings = {keyword.arg: _value(keyword.value) for keyword in tree.keywords}
    if tree.args or None in settings:
        raise ValueError("settings have names")
    return _dotted(tree.func), cast(dict[str, Any], settings)


def _dotted(tree: ast.expr) -> str:
    if isinstance(tree, ast.Attribute):
        return f"{_dotted(tree.value)}.{tree.attr}"
    if isinstance(tree, ast.Name):
        return tree.id
    raise ValueError("no name")


def _value(tree: ast.expr) -> Any:
    """Evaluate a literal, or a strategy among the settings of another one."""
    if isinstance(tree, ast.Tuple | ast.List):
        return tuple(_value(part) for part in tree.elts)
    names = (part.id for part in ast.walk(tree) if isinstance(part, ast.Name))
    if next(names, None) is None:
        return ast.literal_eval(tree)
    return _strategy(*_parts(tree))


def _strategy(name: str, settings: Mapping[str, Any]) -> Strategy[Any]:
    if name not in strategy_names():
        raise BenchError(f"there is no strategy {name!r}: {_hint(name, strategy_names())}")
    strategy = getattr(strategies, name)
    known = [field.name for field in fields(strategy)]
    for setting in settings:
        if setting not in known:
            raise BenchError(f"{name} has no setting {setting!r}: {_hint(setting, known)}")
    try:
        return cast(Strategy[Any], strategy(**settings))
    except TypeError as error:
        raise BenchError(f"the settings of {name} do not fit: {error}") from error


def _hint(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return meant + (f"take one of {', '.join(known)}" if known else "it has none")
