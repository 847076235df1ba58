"""Search strategies and the ask-and-tell interface that runs them.

`Search` combines a `Strategy` with a space, objectives and a seed. A strategy is a frozen dataclass
of settings with three pure methods: `start`, `propose` and `observe`. The state classes, such as
`EvolutionState`, are exported for authors of strategies that wrap others.
"""

from .bananas import Bananas, BananasState
from .bayesian import BayesianOptimization, BayesianState
from .default import default_strategy
from .equivalents import WithEquivalents
from .errors import HistoryError, SpaceExhausted, StrategyError
from .evolution import EvolutionState, RegularizedEvolution
from .history import History
from .history_file import HistoryFile
from .local_search import LocalSearch, LocalSearchState
from .nsga2 import NSGA2, NSGA2State
from .pareto import dominates, non_dominated
from .policy_gradient import PolicyGradient, PolicyGradientState
from .pruners import MedianAtStepPruner, MedianPruner, Pruner, rank_at_step
from .random import GridSearch, RandomSearch
from .search import Search
from .strategy import Problem, Strategy
from .trial import Objective, Step, Trial, objectives_from

__all__ = [
    "Bananas",
    "BananasState",
    "BayesianOptimization",
    "BayesianState",
    "EvolutionState",
    "GridSearch",
    "History",
    "HistoryError",
    "HistoryFile",
    "LocalSearch",
    "LocalSearchState",
    "MedianAtStepPruner",
    "MedianPruner",
    "NSGA2",
    "NSGA2State",
    "Objective",
    "PolicyGradient",
    "PolicyGradientState",
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
    "WithEquivalents",
    "default_strategy",
    "dominates",
    "non_dominated",
    "objectives_from",
    "rank_at_step",
]
