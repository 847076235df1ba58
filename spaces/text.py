"""Texts of others that are safe to print and to write: names, errors and reprs."""

import unicodedata

__all__ = ["described_error", "printable", "safe_repr"]

_UNSAFE = ("Cc", "Cs")  # control characters and lone surrogates
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    r"""Return a text in which characters that control a terminal are escaped.

    Control characters other than newline and tab, lone surrogates and marks that reverse the
    direction of a text become escapes such as `\x1b`.

    Args:
        text: Any text.

    Example:
        >>> print(printable("red\x1b[31m"))
        red\x1b[31m
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in "\n\t":
        return character
    if unicodedata.category(character) in _UNSAFE or character in _DIRECTIONS:
        return character.encode("unicode_escape", "backslashreplace").decode()
    return character


def safe_repr(value: object) -> str:
    """Return the `repr` of a value; of a class whose `repr` fails, a substitute."""
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"


def described_error(error: BaseException) -> str:
    """Return class and message of an exception; its class may be unable to give a message.

    Args:
        error: An exception of any class.

    Example:
        >>> described_error(ValueError("no such layer"))
        'ValueError: no such layer'
    """
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except Exception as failure:
        return f"{name} (its message raises {type(failure).__name__})"
