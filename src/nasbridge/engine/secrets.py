"""Passwords in texts that people share: messages, reports and histories."""

import re

__all__ = ["masked"]

_IN_URL = re.compile(r"(://[^\s:/@]*):\S*@")  # up to the last @, since passwords may contain one
_IN_QUERY = re.compile(r"([?&](?:password|passwd|pwd|token|secret)=)[^&\s'\"]+", re.IGNORECASE)


def masked(text: str) -> str:
    """Replace passwords of URLs in a text by `***`, and rather too much than too little.

    Example:
        >>> masked("--storage postgresql://user:secret@host/nas")
        '--storage postgresql://user:***@host/nas'
    """
    return _IN_QUERY.sub(r"\1***", _IN_URL.sub(r"\1:***@", text))
