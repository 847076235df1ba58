"""Text that is safe to draw, and an upper bound of its width that needs no font."""

import unicodedata

__all__ = ["text_width", "tidy"]

LONGEST = 48  # characters per line

# Widths in font sizes, rounded up from DejaVu Sans, which is wider than the usual sans-serif fonts,
# so a text fits its box on every machine.
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


def text_width(text: str, size: float) -> float:
    """Return an upper bound of the width of a line of text, in the unit of its font size.

    Args:
        text: One line.
        size: Font size.

    Example:
        >>> text_width("conv", 10.0) < text_width("Conv2D", 10.0)
        True
    """
    return size * sum(_WIDTHS.get(character, 1.0) for character in text)


def tidy(text: str, longest: int = LONGEST) -> str:
    r"""Return a text as one line of limited length, without characters that XML forbids.

    Args:
        text: Any text, such as the label of an option.
        longest: Largest number of characters; an ellipsis replaces the middle of a longer text.

    Example:
        >>> tidy("one\ntwo\x00")
        'one two\ufffd'
    """
    line = " ".join(text.split())
    line = "".join("\ufffd" if _is_forbidden(character) else character for character in line)
    if len(line) <= longest:
        return line
    return f"{line[: longest // 2]}…{line[len(line) - (longest - 1) // 2 :]}"


def _is_forbidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Cn")
