"""The run note: a directory's `run.json`, which records how the run was started.

`resume` and `report` read it. It is written when the backend's storage has accepted the run, so a
run that is refused changes nothing.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, chdir, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote
from types import UnionType
from typing import Any, cast
from urllib.parse import urlsplit

from .errors import ExperimentError
from .secrets import masked

__all__ = [
    "RUN_NOTE",
    "Origin",
    "RunNote",
    "check_connections",
    "connections",
    "find_note",
    "in_folder",
    "note_of",
    "origin_from",
    "read_note",
    "write_note",
]

RUN_NOTE = "run.json"
ONCE = ("keep", "reclaim")  # options of one run, which its resumption does not repeat
CONNECTIONS = ("storage", "address", "host")  # options that open a connection


def _script() -> str:
    """Return the Python file that is running, if one is."""
    path = Path(sys.argv[0])
    return str(path.resolve()) if path.suffix == ".py" else ""


@dataclass(frozen=True)
class Origin:
    """Where an experiment is defined, so that `resume` can load it.

    Attributes:
        script: The Python file that defines it; empty if there is none.
        variable: Its variable in the file; empty if the script itself ran it.
        settings: Settings that the command line changed, as `{"trials": 30}`.
        folder: The working directory.
        command: The command line, with masked passwords.
    """

    script: str = field(default_factory=_script)
    variable: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    folder: str = field(default_factory=lambda: str(Path.cwd()))
    command: Sequence[str] = field(default_factory=lambda: tuple(map(masked, sys.argv)))


@dataclass(frozen=True)
class RunNote:
    """How a run was started.

    Attributes:
        backend: The backend's name.
        jobs: Number of worker processes; None for the default of `evaluate`.
        options: The backend's own options that JSON can hold; a storage is held as its URL, with
            the password that the user gave in a text.
        left_out: Names of the other options, which `resume` cannot repeat.
        origin: Where the experiment is defined.
    """

    backend: str
    jobs: int | None
    options: Mapping[str, Any]
    left_out: Sequence[str] = ()
    origin: Origin = field(default_factory=Origin)


def note_of(name: str, jobs: int | None, options: Mapping[str, Any], origin: Origin) -> RunNote:
    """Return the note of a run; see `RunNote`."""
    kept = {key: _plain(option) for key, option in options.items() if key not in ONCE}
    plain = {key: option for key, option in kept.items() if _is_json(option)}
    return RunNote(name, jobs, plain, tuple(sorted(kept.keys() - plain.keys())), origin)


def _plain(option: object) -> object:
    """Return the URL of a storage object if it holds no password; any other option unchanged."""
    url = getattr(option, "url", None)
    return url if isinstance(url, str) and not urlsplit(url).password else option


def _is_json(option: object) -> bool:
    """Return whether JSON can hold an option and give the same value back."""
    try:
        return bool(json.loads(json.dumps(option)) == option)
    except (TypeError, ValueError):
        return False


def write_note(directory: Path, note: RunNote) -> None:
    """Write the note of a run; after a crash the file holds the old note or the new one.

    Only its owner may read it, because the URL of a storage may contain a password.
    """
    directory.mkdir(parents=True, exist_ok=True)
    draft = directory / f"{RUN_NOTE}.{os.getpid()}"
    draft.touch(0o600)
    draft.chmod(0o600)  # a draft of a killed process may be there already
    draft.write_text(json.dumps(asdict(note), indent=1) + "\n", "utf-8")
    draft.replace(directory / RUN_NOTE)


def read_note(directory: Path) -> RunNote:
    """Return the note of a run.

    Raises:
        ExperimentError: The directory has no note, or it is damaged.
    """
    path = directory / RUN_NOTE
    try:
        return _note_from(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ExperimentError(
            f"{directory} is not the directory of a run: it has no {RUN_NOTE}; give the directory= "
            "of experiment.run, or --directory of nasbridge run"
        ) from error
    except ValueError as error:
        raise ExperimentError(
            f"{path} is damaged ({error}): remove it, then continue with nasbridge run FILE "
            f"--backend NAME --directory {directory}"
        ) from error


def find_note(directory: Path) -> RunNote | None:
    """Return a directory's note; None if it has none.

    Raises:
        ExperimentError: The note is damaged.
    """
    return read_note(directory) if (directory / RUN_NOTE).exists() else None


def connections(note: RunNote) -> list[str]:
    """Return the options of a run that open a connection, quoted as NAME=VALUE for a shell."""
    return [
        quote(f"{name}={masked(str(note.options[name]))}")
        for name in CONNECTIONS
        if note.options.get(name) is not None
    ]


def check_connections(
    note: RunNote, given: Mapping[str, Any], directory: Path, command: str
) -> None:
    """Check that the user has named what is about to be opened or contacted.

    The directory of a run may be a stranger's, so its note alone opens no connection.

    Args:
        note: The note of the run.
        given: Options of the backend that the user has given.
        directory: The run's directory, for messages.
        command: The command without the option, for messages.

    Raises:
        ExperimentError: The note names a connection, and the user has not.
    """
    for option in connections(note):
        if option.partition("=")[0].strip("'") not in given:
            raise ExperimentError(
                f"the note of {directory} names {option}, which is not opened unless you ask for "
                f"it: if you trust it, {command} --option {option}"
            )


def _note_from(document: object) -> RunNote:
    entries: dict[str, Any] = dict(_checked(document, _NOTE))
    entries["origin"] = origin_from(entries["origin"])
    return RunNote(**entries)


def origin_from(document: object) -> Origin:
    """Return an `Origin` from its JSON object.

    Raises:
        ExperimentError: The object is damaged.
    """
    entries: dict[str, Any] = dict(_checked(document, _ORIGIN))
    entries["command"] = [masked(str(word)) for word in entries["command"]]
    return Origin(**entries)


_NOTE = {"backend": str, "jobs": int | None, "options": dict, "left_out": list, "origin": dict}
_ORIGIN = {"script": str, "variable": str, "settings": dict, "folder": str, "command": list}


def _checked(document: object, kinds: Mapping[str, type | UnionType]) -> dict[str, Any]:
    """Return the entries of a JSON object after checking their types."""
    if not isinstance(document, dict):
        raise ExperimentError(f"{document!r} is not a JSON object")
    entries = cast(dict[str, Any], document)
    for name, kind in kinds.items():
        if not isinstance(entries.get(name), kind):
            raise ExperimentError(f"{name!r} is {entries.get(name)!r}")
    return {name: entries.get(name) for name in kinds}


def in_folder(origin: Origin) -> AbstractContextManager[None]:
    """Enter the working directory of a run, if it exists: paths may be relative to it."""
    return chdir(origin.folder) if Path(origin.folder).is_dir() else nullcontext()
