"""Output, error handling and signal handling that all commands share."""

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from ..terminal import safe_console

__all__ = ["Commands", "err", "new_table", "out", "print_message"]

PIPE_WIDTH = 10_000  # columns: readers of a pipe expect unwrapped lines

out = safe_console(
    markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH
)
"""Standard output, for results."""

err = safe_console(
    markup=False,
    emoji=False,
    highlight=False,
    width=None if sys.stderr.isatty() else PIPE_WIDTH,
    stderr=True,
)
"""Standard error, for messages and progress."""


def print_message(text: str, style: str = "") -> None:
    """Print a message to standard error."""
    err.print(Text(text, style), soft_wrap=True)


def new_table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table for `out`, without rules if the output is a pipe."""
    lines = box.SIMPLE_HEAD if out.is_terminal else None
    table = Table(*columns, box=lines, pad_edge=False, title=title, title_justify="left")
    table.show_header = any(columns)
    return table


class Commands(TyperGroup):
    """The command group: errors of nasbridge and OS errors become a message and exit code 1."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        flag = "--traceback"
        if flag in args:  # users append the flag to the command that failed
            args = [flag, *(arg for arg in args if arg != flag)]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _stoppable():
                return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            number = stop.args[0] if stop.args else signal.SIGINT
            raise typer.Exit(128 + number) from stop
        except (typer.Exit, BrokenPipeError):
            raise
        except Exception as error:
            from ..spaces import NasbridgeError  # imported late to keep `--help` fast

            if ctx.params["traceback"] or not isinstance(error, NasbridgeError | OSError):
                raise
            print_message(f"error: {error}", "red")
            raise typer.Exit(1) from error


@contextmanager
def _stoppable() -> Generator[None]:
    """Stop cleanly on the first SIGINT or SIGTERM, and immediately on the second."""
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, _: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt(number)

    before = [signal.signal(each, stop) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
