"""The lines of history files: JSON, each with a checksum.

A line is a JSON object whose last entry is "crc", the CRC-32 of the line without that entry. Files
of version 1 have no checksums. A torn last line, left by a crash, is a part of a line: it has no
complete checksum.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, cast
from zlib import crc32

from ..spaces.text import safe_repr
from .errors import HistoryError

__all__ = ["FORMAT", "VERSION", "Event", "encoded", "is_whole", "lines_of", "version_of"]

FORMAT = "nasbridge-history"
VERSION = 2
READABLE = (1, 2)

Event = dict[str, Any]

_MARK = b',"crc":"'
_LENGTH = len(_MARK) + 8 + len(b'"}')


def encoded(event: Event, version: int = VERSION) -> bytes:
    """Return an event as a line with its checksum, without the newline.

    Args:
        event: A JSON-serializable event; other objects are written as their `repr`.
        version: Version of the file; files of version 1 have no checksums.
    """
    text = json.dumps(event, allow_nan=False, separators=(",", ":"), default=safe_repr)
    line = text.encode()
    return line if version == 1 else line[:-1] + _MARK + _checksum(line) + b'"}'


def _checksum(line: bytes) -> bytes:
    return f"{crc32(line):08x}".encode()


def _is_intact(line: bytes) -> bool:
    """Return whether a line ends in its checksum."""
    body, mark = line[:-_LENGTH] + b"}", line[-_LENGTH:]
    return mark == _MARK + _checksum(body) + b'"}'


def _content(path: Path) -> bytes:
    """Read a file; a device or pipe, which might never end, is refused.

    Raises:
        HistoryError: It cannot be read, or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise HistoryError(f"{path} is no regular file: give a history file")
            return file.read()
    except OSError as error:
        raise HistoryError(f"{path} cannot be read ({error.strerror}): check the path") from error


def version_of(header: object, path: Path) -> int:
    """Return the version of a file.

    Raises:
        HistoryError: It is not a history, or has another version.
    """
    found = cast(Event, header) if isinstance(header, dict) else Event()
    if found.get("format") != FORMAT:
        raise HistoryError(
            f"{path}, line 1: not a header of a nasbridge history: give a file that nasbridge wrote"
        )
    version = found.get("version")
    if type(version) is not int or version not in READABLE:
        raise HistoryError(
            f"{path}, line 1: unsupported format version {version!r}: this nasbridge reads "
            f"versions {READABLE[0]} to {READABLE[-1]}; export the run again with the nasbridge "
            "that wrote it"
        )
    return version


def lines_of(path: Path) -> Iterator[tuple[int, Event]]:
    """Return the events of a file with the numbers of their lines.

    A torn last line is left out.

    Raises:
        HistoryError: A line is damaged; the message names it.
    """
    content = _content(path)
    *lines, rest = content.split(b"\n")
    version = 0
    if is_whole(rest):
        lines.append(rest)
    for number, line in enumerate(lines, start=1):
        event = _event(line, number, path)
        version = version or version_of(event, path)
        if version > 1 and not _is_intact(line):
            raise HistoryError(
                f"{path}, line {number}: the line does not match its checksum, so it was damaged "
                f"or changed: restore the file, or {_fix(number)}"
            )
        event.pop("crc", None)
        yield number, event


def is_whole(rest: bytes) -> bool:
    """Return whether what follows the last newline is a whole line, not a torn one."""
    return _MARK in rest and len(rest) - rest.rindex(_MARK) >= _LENGTH


def _event(line: bytes, number: int, path: Path) -> Event:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise HistoryError(
            f"{path}, line {number}: invalid JSON ({error}): {_fix(number)}"
        ) from error
    if not isinstance(event, dict):
        raise HistoryError(
            f"{path}, line {number}: invalid event {shortened(event)}: {_fix(number)}"
        )
    return cast(Event, event)


def _fix(number: int) -> str:
    if number == 1:
        return "give a history file that nasbridge wrote; this one has no intact header"
    return "remove the line to discard the event"
