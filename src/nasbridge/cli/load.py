"""Load what commands refer to: experiments, spaces and histories."""

import re
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TypeVar

from ..engine import ExperimentError
from ..engine.modules import load_module
from ..engine.run_note import check_connections, read_note
from ..experiment import Experiment
from ..runs import load_run
from ..spaces import NasbridgeError, SearchSpace, from_json
from ..strategies import History
from .app import print_message
from .options import parse_options

__all__ = ["experiment_in", "history_at", "space_in"]

Value = TypeVar("Value")


def experiment_in(file: Path, name: str | None) -> tuple[str, Experiment]:
    """Load a file and find the experiment in it.

    Args:
        file: A Python file.
        name: The variable; None for `experiment`, or the only experiment in the file.

    Returns:
        The variable's name and the experiment.

    Raises:
        ExperimentError: The file cannot be loaded, or the choice is ambiguous.
    """
    module = _load(file)
    found = {n: value for n, value in vars(module).items() if isinstance(value, Experiment)}
    return _pick(found, "Experiment", module, file, name)


def space_in(file: Path, name: str | None) -> SearchSpace:
    """Load a space from a JSON file, or from an experiment or a space in a Python file.

    Raises:
        ExperimentError: The file cannot be loaded, or the choice is ambiguous.
        SpaceFormatError: The JSON does not describe a space.
    """
    if file.suffix == ".json":
        return from_json(file.read_bytes())
    module = _load(file)
    found = {n: value for n, value in vars(module).items() if isinstance(value, SearchSpace)}
    experiments = {n: value for n, value in vars(module).items() if isinstance(value, Experiment)}
    if experiments and not (name is not None and name in found):
        return _pick(experiments, "Experiment", module, file, name)[1].space
    return _pick(found, "Space", module, file, name)[1]


def history_at(
    location: Path, experiment: Path | None = None, texts: Sequence[str] = (), command: str = ""
) -> History:
    """Read a history: its file, or the directory of a run under any backend.

    What a run note names is neither run nor opened, because the directory may be a stranger's.

    Args:
        location: The file or directory.
        experiment: The experiment's file, if the history does not include its space.
        texts: Options of the backend as KEY=VALUE, such as the storage of the run.
        command: The command, for messages.

    Raises:
        NasbridgeError: The history is missing or damaged, or its space is unknown.
    """
    space = None
    if experiment is not None:
        print_message(f"loading {experiment}", "dim")
        space = space_in(experiment, None)
    if not location.is_dir():
        return History.load(location, space)
    note = read_note(location)
    options = parse_options(note.backend, texts)
    check_connections(note, options, location, command)
    origin = note.origin
    try:
        return load_run(location, space, options)
    except NasbridgeError as error:
        if space is not None or not origin.script:
            raise
        raise ExperimentError(
            f"{error}. The run names the file {origin.script!r}, which is not run unless you ask "
            "for it: if you trust it, pass it as --experiment FILE"
        ) from error


def _load(file: Path) -> ModuleType:
    name = re.sub(r"\W", "_", file.stem)
    if (
        name in sys.modules or find_spec(name) is not None
    ):  # such as digits.py next to a package digits
        name += "_experiment"
    return load_module(name, file)


def _pick(
    found: Mapping[str, Value], kind: str, module: ModuleType, file: Path, name: str | None
) -> tuple[str, Value]:
    usual = kind.lower()
    if name is not None:
        if name not in found:
            raise ExperimentError(f"{file} holds no {kind} {name!r}: it has {_listed(found)}")
        return name, found[name]
    if usual in found:
        return usual, found[usual]
    if not found:
        raise ExperimentError(
            f"{file} holds no {kind}: write {usual} = {kind}(...) at its top level, where it has "
            f"{_listed(_contents(module))}"
        )
    if len({id(value) for value in found.values()}) > 1:
        raise ExperimentError(
            f"{file} holds {len(found)} candidates ({_listed(found)}): choose one, as "
            f"--name {next(iter(found))}, or rename it to {usual}"
        )
    return next(iter(found.items()))


def _contents(module: ModuleType) -> list[str]:
    """Return the names that a file itself defines, for messages."""
    return [
        f"{name} ({type(value).__name__})"
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and (not isinstance(value, type | FunctionType) or value.__module__ == module.__name__)
    ]


def _listed(names: Mapping[str, object] | list[str]) -> str:
    shown = list(names)
    return (", ".join(shown[:8]) + ", ..." * (len(shown) > 8)) or "nothing"
