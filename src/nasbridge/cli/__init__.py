"""The command line interface `nasbridge`."""

from .commands import app

__all__ = ["app"]
