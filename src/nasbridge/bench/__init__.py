"""Benchmark: strategies and the samplers of other libraries on tabular benchmarks."""

from .errors import BenchError
from .records import Budget, Record, Records
from .runner import Failure, Run, execute, run_all, schedule
from .specs import MethodSpec, read_method
from .summary import Summary, summarize
from .table import Table
from .tables import load_table, table_names

__all__ = [
    "BenchError",
    "Budget",
    "Failure",
    "MethodSpec",
    "Record",
    "Records",
    "Run",
    "Summary",
    "Table",
    "execute",
    "load_table",
    "read_method",
    "run_all",
    "schedule",
    "summarize",
    "table_names",
]
