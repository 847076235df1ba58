"""Consoles that print names and errors of others without their control sequences."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.measure import Measurement
from rich.segment import Segment

__all__ = ["safe_console"]


def safe_console(**settings: Any) -> Console:
    """Return a console that escapes control characters in everything that it prints.

    Args:
        **settings: As for `rich.console.Console`.
    """
    console = Console(**settings)
    console.push_render_hook(_Escaping())
    return console


class _Escaping(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Escaped(renderable) for renderable in renderables]


def _printable(text: str) -> str:
    if text.replace("\n", "").isprintable():
        return text
    from .spaces.text import printable  # loads numpy, which help on the command line does not need

    return printable(text)


class _Escaped:
    """A renderable without control characters of its texts; styles stay."""

    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._segments(console, options)

    def _segments(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._inner, options):
            if segment.control:
                yield segment
            else:
                yield Segment(_printable(segment.text), segment.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._inner)
