"""Damage of all kinds to runs and their files, and what comes of it.

Each check returns an `Outcome`. Right outcomes are: an error that says what is wrong, or no
difference. Whatever else happens counts as wrong.
"""

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from ..engine.run_note import Origin, RunNote, write_note
from ..spaces import NasbridgeError
from ..strategies import History
from .harness import BackendHarness
from .loop import comparable, reference
from .soak import round_of_kills, varied_experiment
from .strategies import strategy

__all__ = [
    "Outcome",
    "all_checks",
    "clock",
    "flips",
    "full_disk",
    "kills",
    "strangers",
    "truncations",
]

TRIALS = 24
HOUR = 3600.0
BLOCKED = 64 * 1024  # bytes of the full disk
ROOM = "20m"  # of the same disk later


@dataclass(frozen=True)
class Outcome:
    """What came of one kind of damage.

    Attributes:
        what: The damage.
        tried: How often it was done.
        told: How often an error said so.
        unharmed: How often nothing was lost and nothing differed.
    """

    what: str
    tried: int
    told: int
    unharmed: int

    @property
    def wrong(self) -> int:
        """How often something was lost, or differed, without an error."""
        return self.tried - self.told - self.unharmed


def kills(backend: str, seconds: float, seed: int) -> Outcome:
    """Kill runs at random moments, and resume them; see `soak`.

    Args:
        backend: The backend.
        seconds: No round begins after this many seconds.
        seed: Seed of the moments.
    """
    moments, deadline = random.Random(f"{backend} {seed}"), time.monotonic() + seconds
    killed = round_of_kills(backend, moments)
    while time.monotonic() < deadline:
        killed += round_of_kills(backend, moments)
    return Outcome(f"kill at a random moment, then resume: {backend}", killed, 0, killed)


def flips(times: int, seed: int) -> Outcome:
    """Flip a bit of a history file."""

    def damage(content: bytes, rng: random.Random) -> bytes:
        position, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
        return content[:position] + bytes([content[position] ^ bit]) + content[position + 1 :]

    return _damaged("flipped bit in a history", damage, times, seed, may_shorten=False)


def truncations(times: int, seed: int) -> Outcome:
    """Cut a history file at a random byte; the events before the cut are the whole history."""

    def damage(content: bytes, rng: random.Random) -> bytes:
        return content[: rng.randrange(len(content))]

    return _damaged("truncated history", damage, times, seed, may_shorten=True)


def _damaged(
    what: str,
    damage: Callable[[bytes, random.Random], bytes],
    times: int,
    seed: int,
    may_shorten: bool,
) -> Outcome:
    """Damage copies of a history file and load them.

    With `may_shorten`, the first trials alone are right, too: what a crash leaves is no damage.
    """
    rng, told, unharmed = random.Random(f"{what} {seed}"), 0, 0
    with TemporaryDirectory() as place:
        file = Path(place) / "history.jsonl"
        BackendHarness("local").run(varied_experiment(TRIALS), Path(place) / "run").save(file)
        content, whole = file.read_bytes(), comparable(History.load(file))
        for _ in range(times):
            file.write_bytes(damage(content, rng))
            try:
                left = comparable(History.load(file).of_state("complete", "pruned", "failed"))
            except NasbridgeError as error:
                told += str(file) in str(error)
                continue
            unharmed += left == whole or (may_shorten and left == whole[: len(left)])
    return Outcome(what, times, told, unharmed)


def clock(backend: str) -> Outcome:
    """Run with a clock that is set back by an hour before each trial, and resume half way."""
    experiment, harness = varied_experiment(TRIALS), BackendHarness(backend)
    steps = iter(range(10**9))
    with TemporaryDirectory() as place, patch("time.time", lambda: 2e9 - HOUR * next(steps)):
        harness.run(varied_experiment(TRIALS // 2), Path(place) / "run")
        found = comparable(harness.run(experiment, Path(place) / "run"))
    is_right = found == comparable(reference(experiment))
    return Outcome(f"clock set back by an hour, again and again: {backend}", 1, 0, int(is_right))


def full_disk(backend: str) -> Outcome:
    """Fill the disk during a run, then make room and resume; needs root, for a small tmpfs."""
    experiment, harness = varied_experiment(200), BackendHarness(backend)
    with _small_disk() as place:
        try:
            harness.run(experiment, place / "run")
            told = 0  # there was room for everything
        except NasbridgeError as error:
            told = int(str(place) in str(error))
        subprocess.run(["mount", "-o", f"remount,size={ROOM}", str(place)], check=True)
        found = comparable(harness.run(experiment, place / "run"))
    unharmed = int(found == comparable(reference(experiment)))
    return Outcome(f"full disk, then room and resume: {backend}", 2, told, unharmed)


@contextlib.contextmanager
def _small_disk() -> Generator[Path]:
    with TemporaryDirectory() as folder:
        size = f"size={BLOCKED}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def strangers(command: str) -> Outcome:
    """Give a command the directory of a stranger, whose note names a file and a database.

    Args:
        command: The command, with DIRECTORY in place of the directory.
    """
    tried = told = unharmed = 0
    random_experiment = varied_experiment(3, strategy=strategy("RandomSearch"))
    for options in ({}, {"storage": "sqlite:///contacted.db"}):
        with TemporaryDirectory() as place:
            directory = Path(place) / "stranger"
            backend = "optuna" if options else "local"
            BackendHarness(backend).run(random_experiment, directory)
            script = directory / "script.py"
            script.write_text("open('executed', 'w').close()\n", "utf-8")
            note = RunNote(backend, 0, options, origin=Origin(str(script), folder=place))
            write_note(directory, note)
            words = [
                sys.executable,
                "-m",
                "nasbridge",
                *command.replace("DIRECTORY", str(directory)).split(),
            ]
            done = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
            names = {path.name for path in Path(place).rglob("*")}
            is_safe = not names & {"executed", "contacted.db"}
            tried += 1
            told += is_safe and done.returncode != 0 and "unless you ask" in done.stderr
            unharmed += is_safe and done.returncode == 0
    return Outcome(f"stranger's directory: nasbridge {command}", tried, told, unharmed)


def all_checks(seconds: float, times: int, seed: int) -> Iterator[Callable[[], Outcome]]:
    """Yield all checks.

    Args:
        seconds: Of kills, for each backend.
        times: Number of damaged files of each kind.
        seed: Seed of moments and damage.
    """
    for backend in ("local", "optuna", "keras_tuner"):
        yield partial(kills, backend, seconds, seed)
    yield partial(flips, times, seed)
    yield partial(truncations, times, seed)
    for backend in ("local", "optuna", "keras_tuner"):
        yield partial(clock, backend)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        yield partial(full_disk, "local")
    for command in ("report DIRECTORY", "export DIRECTORY h.jsonl", "resume DIRECTORY"):
        yield partial(strangers, command)
