"""Search spaces: nodes to describe them, and the architectures that they contain."""

from . import library
from .decisions.decisions import Clause, Decision
from .decisions.domains import Categorical, IntegerRange, Label, RealRange
from .decisions.grids import GeometricRange, RealGrid
from .errors import (
    BuildError,
    ConstraintError,
    InvalidArchitecture,
    MissingExtra,
    NameClash,
    NasbridgeError,
    NoFeasible,
    SpaceError,
    SpaceFormatError,
    UnknownLayer,
)
from .graph.graph import Block, Graph, InputShape, Operation, Vertex
from .graph.wl_features import WLGraph
from .nodes.architecture import Architecture
from .nodes.cells import Cell, NodeCell
from .nodes.choice_paths import choice_paths
from .nodes.composition import Chain, Merge, Parallel, Repeat, Scope, residual
from .nodes.decision_space import DecisionSpace
from .nodes.documents import from_json
from .nodes.layer import Layer, layer
from .nodes.network import Network
from .nodes.node import Node
from .nodes.primitives import Pass, Skip, Zero
from .nodes.ranges import Integer, Real
from .nodes.search_space import SearchSpace
from .nodes.space import Space
from .nodes.stack import Stack
from .nodes.values import STRIDE, WIDTH, Choice, When
from .nodes.wl_graphs import operation_choices, wl_graphs
from .variants import variants_of

__all__ = [
    "Architecture",
    "Block",
    "BuildError",
    "Categorical",
    "Cell",
    "Chain",
    "Choice",
    "Clause",
    "ConstraintError",
    "Decision",
    "DecisionSpace",
    "GeometricRange",
    "Graph",
    "InputShape",
    "Integer",
    "IntegerRange",
    "InvalidArchitecture",
    "Label",
    "Layer",
    "Merge",
    "MissingExtra",
    "NameClash",
    "NasbridgeError",
    "Network",
    "NoFeasible",
    "Node",
    "NodeCell",
    "Operation",
    "Parallel",
    "Pass",
    "Real",
    "RealGrid",
    "RealRange",
    "Repeat",
    "STRIDE",
    "Scope",
    "SearchSpace",
    "Skip",
    "Space",
    "SpaceError",
    "SpaceFormatError",
    "Stack",
    "UnknownLayer",
    "Vertex",
    "WIDTH",
    "WLGraph",
    "When",
    "Zero",
    "choice_paths",
    "from_json",
    "layer",
    "library",
    "operation_choices",
    "residual",
    "variants_of",
    "wl_graphs",
]
