"""Spaces: what can be searched."""

from . import library
from .decisions.decisions import Clause, Decision
from .decisions.domains import Categorical, IntegerRange, Label, RealRange
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
)
from .graph.graph import Block, Graph, Operation, Vertex
from .graph.sketch import Sketch
from .nodes.architecture import Architecture, ArchitectureSpace
from .nodes.cells import Cell, NodeCell, Stack
from .nodes.composition import Chain, Parallel, Repeat, Scope, residual
from .nodes.documents import from_json
from .nodes.layer import Layer, layer
from .nodes.node import Node
from .nodes.primitives import Skip, Zero
from .nodes.search_space import SearchSpace
from .nodes.space import Space
from .nodes.values import STRIDE, WIDTH, Choice, Integer, Real, When
from .nodes.words import operation_choices, sketches
from .variants import variants_of

__all__ = [
    "Architecture",
    "ArchitectureSpace",
    "Block",
    "BuildError",
    "Categorical",
    "Cell",
    "Chain",
    "Choice",
    "Clause",
    "ConstraintError",
    "Decision",
    "Graph",
    "Integer",
    "IntegerRange",
    "InvalidArchitecture",
    "Label",
    "Layer",
    "MissingExtra",
    "NameClash",
    "NasbridgeError",
    "NoFeasible",
    "Node",
    "NodeCell",
    "Operation",
    "Parallel",
    "Real",
    "RealRange",
    "Repeat",
    "STRIDE",
    "Scope",
    "SearchSpace",
    "Sketch",
    "Skip",
    "Space",
    "SpaceError",
    "SpaceFormatError",
    "Stack",
    "Vertex",
    "WIDTH",
    "When",
    "Zero",
    "from_json",
    "layer",
    "library",
    "operation_choices",
    "residual",
    "sketches",
    "variants_of",
]
