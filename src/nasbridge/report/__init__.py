"""The report of a search: one self-contained HTML page."""

from .writer import write_report

__all__ = ["write_report"]
