"""Strategies: how a space is searched."""

from ._bananas import Bananas
from ._bayesian import BayesianOptimization
from ._default import default_strategy
from ._errors import HistoryError, SpaceExhausted, StrategyError
from ._evolution import RegularizedEvolution
from ._history import History
from ._history_file import HistoryFile
from ._local_search import LocalSearch
from ._nsga2 import NSGA2
from ._pareto import dominates, non_dominated
from ._policy_gradient import PolicyGradient
from ._pruners import MedianPruner, Pruner, standing
from ._random import GridSearch, RandomSearch
from ._search import Search
from ._strategy import Problem, Strategy
from ._trial import Objective, Step, Trial, objectives_from

__all__ = [
    "Bananas",
    "BayesianOptimization",
    "GridSearch",
    "History",
    "HistoryError",
    "HistoryFile",
    "LocalSearch",
    "MedianPruner",
    "NSGA2",
    "Objective",
    "PolicyGradient",
    "Problem",
    "Pruner",
    "RandomSearch",
    "RegularizedEvolution",
    "Search",
    "SpaceExhausted",
    "Step",
    "Strategy",
    "StrategyError",
    "Trial",
    "default_strategy",
    "dominates",
    "non_dominated",
    "objectives_from",
    "standing",
]
