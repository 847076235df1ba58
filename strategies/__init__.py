"""Strategies: how a space is searched."""

from .bananas import Bananas
from .bayesian import BayesianOptimization
from .default import default_strategy
from .errors import HistoryError, SpaceExhausted, StrategyError
from .evolution import RegularizedEvolution
from .history import History
from .history_file import HISTORY_FILE, HistoryFile
from .local_search import LocalSearch
from .nsga2 import NSGA2
from .pareto import dominates, non_dominated
from .policy_gradient import PolicyGradient
from .pruners import MedianPruner, Pruner, rank_at_step
from .random import GridSearch, RandomSearch
from .search import Search
from .strategy import Problem, Strategy
from .trial import Objective, Step, Trial, objectives_from

__all__ = [
    "HISTORY_FILE",
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
    "rank_at_step",
]
