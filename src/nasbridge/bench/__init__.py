"""The benchmark: strategies beside the samplers of other libraries, on tables known everywhere."""

from ._errors import BenchError
from ._records import Budget, Record, Records
from ._runner import Failure, Match, play, run, schedule
from ._specs import Spec, read_spec
from ._summary import Summary, summarize
from ._table import Table
from ._tables import load_table, table_names

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
