"""Consoles: names and errors of others send no control sequences to a terminal."""

import io

import pytest
from rich.table import Table
from rich.text import Text

from nasbridge.spaces.text import printable
from nasbridge.terminal import safe_console

HOSTILE = "\x1b]0;owned\x07\x1b[2Jname\u202egnp\ud800\x9b1m\r"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("form", ["text", "string", "table"])
def test_control_sequences_are_escaped(form: str, terminal: bool) -> None:
    file = io.StringIO()
    console = safe_console(file=file, force_terminal=terminal, width=200, highlight=False)
    if form == "table":
        table = Table(HOSTILE, style="red")
        table.add_row(HOSTILE)
        console.print(table)
    else:
        console.print(Text(HOSTILE, "red") if form == "text" else HOSTILE)
    shown = file.getvalue()
    shown.encode()  # no lone surrogate is left
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert not set("\x07\x9b\r\u202e").intersection(shown)
    assert "\\x1b]0;owned" in shown
    assert ("\x1b[31m" in shown) == (terminal and form != "string")  # our own styles stay


def test_other_characters_stay() -> None:
    text = "a\tb\nc é 網 ✓ \U0001f600"
    assert printable(text) == text
