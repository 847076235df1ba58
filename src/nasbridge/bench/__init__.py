"""The benchmark: strategies beside the samplers of other libraries, on tables known everywhere."""

from .errors import BenchError
from .records import Budget, Record, Records
from .runner import Failure, Match, play, run, schedule
from .specs import Spec, read_spec
from .summary import Summary, summarize
from .table import Table
from .tables import load_table, table_names

__all__ = [
    "BenchError",
    "Budget",
    "Failure",
    "Match",
    "Record",
    "Records",
    "Spec",
    "Summary",
    "Table",
    "load_table",
    "play",
    "read_spec",
    "run",
    "schedule",
    "summarize",
    "table_names",
]
