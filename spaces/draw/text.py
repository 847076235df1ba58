"""Text that is safe to draw, and how wide it is at most, without asking a font."""

import unicodedata

__all__ = ["tidy", "width"]

LONGEST = 48  # characters of a line

# Widths in units of the font size, rounded up from DejaVu Sans, which is wider than the usual
# sans-serif fonts; so a box that holds a text by these widths holds it on every machine.
_WIDTHS = {
    character: size
    for size, characters in {
        0.30: "ijlIJ'",
        0.40: " ,.·/:;\\|f-()[]t!",
        0.55: 'r"*_`sz?c',
        0.65: "–LFkvxyPTYaoeESbdghnpqu$0123456789{}",
        0.78: "KAVBRXZCUHNDG&",
        0.86: "OQw#+<=>^~M×−",
    }.items()
    for character in characters
}


def width(text: str, size: float) -> float:
    """Return the width of a line of text, in the unit of its font size; an upper estimate.

    Args:
        text: The line.
        size: The font size.

    Example:
        >>> width("conv", 10.0) < width("Conv2D", 10.0)
        True
    """
    return size * sum(_WIDTHS.get(character, 1.0) for character in text)


def tidy(text: str, longest: int = LONGEST) -> str:
    r"""Return a text as one line that XML can carry: no control characters, and not too long.

    Args:
        text: Anything, as the label of an option.
        longest: Characters at most; the middle of a longer text becomes an ellipsis.

    Example:
        >>> tidy("one\ntwo\x00")
        'one two\ufffd'
    """
    line = " ".join(text.split())
    line = "".join("\ufffd" if _is_odd(character) else character for character in line)
    if len(line) <= longest:
        return line
    return f"{line[: longest // 2]}…{line[len(line) - (longest - 1) // 2 :]}"


def _is_odd(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Cn")
