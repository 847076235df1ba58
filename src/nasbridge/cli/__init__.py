"""The command line: `nasbridge run experiment.py`, and what goes with it."""

from .commands import app

__all__ = ["app"]
