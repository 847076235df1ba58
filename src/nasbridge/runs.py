"""Run directories: which command made one, so that it can be resumed and reported."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, chdir, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, cast, final
from urllib.parse import urlsplit

from .adapters import backend
from .engine import ExperimentError, Observer
from .engine.modules import is_loading
from .progress import progress
from .spaces import SearchSpace
from .strategies import History, Trial

if TYPE_CHECKING:
    from .experiment import Experiment

__all__ = [
    "FILE",
    "Origin",
    "RunNote",
    "in_folder",
    "load_run",
    "note_of",
    "origin_from",
    "read_note",
    "run_experiment",
    "write_note",
]

FILE = "run.json"
ONCE = ("keep", "reclaim")  # options that are meant for one run, and not for its resumption


def _script() -> str:
    """Return the Python file that is running, if one is."""
    path = Path(sys.argv[0])
    return str(path.resolve()) if path.suffix == ".py" else ""


@dataclass(frozen=True)
class Origin:
    """Where an experiment comes from, so that it can be found again.

    Attributes:
        script: The file that holds it; empty if none does.
        variable: Its name in there; empty where the script itself has run it.
        settings: What the command line has changed of it, as `{"trials": 30}`.
        folder: The working directory.
        command: The command line.
    """

    script: str = field(default_factory=_script)
    variable: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    folder: str = field(default_factory=lambda: str(Path.cwd()))
    command: Sequence[str] = field(default_factory=lambda: tuple(sys.argv))


@dataclass(frozen=True)
class RunNote:
    """How a directory was made.

    Attributes:
        backend: The backend's name.
        jobs: Number of worker processes; None leaves it to `evaluate`.
        options: The backend's own options, those that JSON can carry; of a storage its URL.
        left_out: Names of the options that it cannot.
        origin: Where the experiment comes from.
    """

    backend: str
    jobs: int | None
    options: Mapping[str, Any]
    left_out: Sequence[str] = ()
    origin: Origin = field(default_factory=Origin)


def run_experiment(
    experiment: "Experiment",
    name: str,
    directory: Path | None,
    jobs: int | None,
    observer: Observer | None,
    options: Mapping[str, Any],
    origin: Origin | None = None,
) -> History:
    """Run an experiment and note in its directory how; see `Experiment.run`.

    Args:
        experiment: The experiment.
        name: The backend's name.
        directory: Where everything is stored, or None.
        jobs: Number of worker processes; None leaves it to `evaluate`.
        observer: Is told what happens; None shows a progress bar.
        options: The backend's own options.
        origin: Where the experiment comes from; None takes the script that is running.
    """
    if is_loading():
        raise ExperimentError(
            "it runs an experiment, but is only being loaded for one: put that line below "
            "if __name__ == '__main__':"
        )
    adapter = backend(name)
    note = note_of(name, jobs, options, origin or Origin())
    if jobs is None:
        jobs = int(getattr(experiment.evaluate, "jobs", 0))
    if not isinstance(jobs, int) or jobs < 0:
        raise ExperimentError(f"jobs={jobs!r}: give 0 for this process, or a number of workers")
    if directory is not None:
        _check_backend(directory, name)
    with progress(experiment, observer) as watching:
        if directory is not None:
            watching = _Noting(watching, directory, note)
        return adapter.run(experiment, directory=directory, jobs=jobs, observer=watching, **options)


@final
class _Noting:
    """Notes how a directory was made, once the backend has found that it can go on there."""

    def __init__(self, observer: Observer, directory: Path, note: RunNote) -> None:
        self._observer, self._directory, self._note = observer, directory, note

    def begun(self, history: History) -> None:
        write_note(self._directory, self._note)
        self._observer.begun(history)

    def finished(self, trial: Trial) -> None:
        self._observer.finished(trial)


def note_of(name: str, jobs: int | None, options: Mapping[str, Any], origin: Origin) -> RunNote:
    """Describe a run so that it can be resumed; see `RunNote`."""
    options = {key: v for key, v in options.items() if key not in ONCE}
    texts = {key: _plain(option) for key, option in options.items()}
    plain = {k: v for k, v in texts.items() if v is None or isinstance(v, int | float | str)}
    return RunNote(name, jobs, plain, tuple(sorted(options.keys() - plain.keys())), origin)


def _plain(option: object) -> object:
    """Return the URL of an object, as a storage has one, without a password in it; or itself."""
    url = getattr(option, "url", None)
    return url if isinstance(url, str) and not urlsplit(url).password else option


def _check_backend(directory: Path, name: str) -> None:
    if not (directory / FILE).exists():
        return
    before = read_note(directory)
    if before.backend != name:
        raise ExperimentError(
            f"{directory} holds a run under {before.backend!r}: use another directory for "
            f"{name!r}, or move the run with nasbridge export and import"
        )


def write_note(directory: Path, note: RunNote) -> None:
    """Note how a directory was made; a crash leaves the old note or the new one."""
    directory.mkdir(parents=True, exist_ok=True)
    draft = directory / f"{FILE}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(note), indent=1) + "\n", "utf-8")
    draft.replace(directory / FILE)


def read_note(directory: Path) -> RunNote:
    """Read how a directory was made.

    Raises:
        ExperimentError: It is no directory of a run, or its note is damaged.
    """
    path = directory / FILE
    try:
        return _note_from(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ExperimentError(
            f"{directory} is no directory of a run: it has no {FILE}; give the directory= of "
            "experiment.run, or --directory of nasbridge run"
        ) from error
    except ValueError as error:
        raise ExperimentError(
            f"{path} is damaged ({error}): remove it, and go on with nasbridge run FILE "
            f"--backend NAME --directory {directory}"
        ) from error


def _note_from(document: object) -> RunNote:
    entries: dict[str, Any] = dict(_checked(document, _NOTE))
    entries["origin"] = origin_from(entries["origin"])
    return RunNote(**entries)


def origin_from(document: object) -> Origin:
    """Read an `Origin` that has been written as JSON.

    Raises:
        ExperimentError: It is damaged.
    """
    entries: dict[str, Any] = dict(_checked(document, _ORIGIN))
    return Origin(**entries)


_NOTE = {"backend": str, "jobs": int | None, "options": dict, "left_out": list, "origin": dict}
_ORIGIN = {"script": str, "variable": str, "settings": dict, "folder": str, "command": list}


def _checked(document: object, kinds: Mapping[str, type | UnionType]) -> dict[str, Any]:
    """Return the entries of a JSON object, each of its kind."""
    if not isinstance(document, dict):
        raise ExperimentError(f"{document!r} is no JSON object")
    entries = cast(dict[str, Any], document)
    for name, kind in kinds.items():
        if not isinstance(entries.get(name), kind):
            raise ExperimentError(f"it says {name}={entries.get(name)!r}")
    return {name: entries.get(name) for name in kinds}


def in_folder(origin: Origin) -> AbstractContextManager[None]:
    """Go to the working directory of a run, if it still exists: paths may be relative to it."""
    return chdir(origin.folder) if Path(origin.folder).is_dir() else nullcontext()


def load_run(directory: Path, space: SearchSpace | None = None) -> History:
    """Read the history of a run, whichever backend stored it."""
    note = read_note(directory)
    place = directory.resolve()
    with in_folder(note.origin):
        return backend(note.backend).load(place, space)
