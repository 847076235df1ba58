"""Spaces: what can be searched."""

from . import library
from ._architecture import Architecture
from ._around import around
from ._cells import Cell, NodeCell, Stack
from ._decisions import Clause, Decision
from ._domains import Categorical, IntegerRange, Label, RealRange
from ._errors import (
    BuildError,
    ConstraintError,
    InvalidArchitecture,
    MissingExtra,
    NameClash,
    NasbridgeError,
    NoneAllowed,
    SpaceError,
    SpaceFormatError,
)
from ._graph import Block, Graph, Operation, Vertex
from ._json import from_json
from ._node import Node
from ._searchable import Searchable
from ._sketch import Sketch
from ._space import Space
from ._structure import Chain, Layer, Parallel, Repeat, Scope, Skip, Zero, layer, residual
from ._values import STRIDE, WIDTH, Choice, Integer, Real, When
from ._words import operation_choices, sketches

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
    "Graph",
    "Integer",
    "IntegerRange",
    "InvalidArchitecture",
    "Label",
    "Layer",
    "MissingExtra",
    "NameClash",
    "NasbridgeError",
    "Node",
    "NodeCell",
    "NoneAllowed",
    "Operation",
    "Parallel",
    "Real",
    "RealRange",
    "Repeat",
    "STRIDE",
    "Scope",
    "Searchable",
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
    "around",
    "from_json",
    "layer",
    "library",
    "operation_choices",
    "residual",
    "sketches",
]
