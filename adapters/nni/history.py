"""A whole NNI experiment to and from our `History`."""

import secrets
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...engine.errors import BackendError
from ...spaces import NasbridgeError, SearchSpace
from ...strategies import History, Objective, Trial
from .database import DATABASE, StoredExperiment, create_database
from .space import from_native
from .trials import ENDS, ENVIRONMENT, TrialReader, event_rows, metric_rows, milliseconds
from .webui import DEFAULT

__all__ = ["history_of", "write_experiment"]


def history_of(
    stored: StoredExperiment, space: SearchSpace | None, objectives: Sequence[Objective] | None
) -> History:
    """Return an NNI experiment as a history, whichever tuner and client it ran with.

    Args:
        stored: The content of the database.
        space: The space; None takes NNI's own search space.
        objectives: The objectives; None takes "default" in the direction of the tuner's
            `optimize_mode`.

    Raises:
        BackendError: The space is unknown, or no trial is in it.
    """
    settings = stored.settings
    if space is None:
        try:
            space = from_native(settings.get("searchSpace") or {})
        except NasbridgeError as error:
            raise BackendError(
                f"the NNI search space of the experiment is not usable ({error}): give the space, "
                "as load(location, space=space)"
            ) from error
    wanted = tuple(objectives or (_objective(settings),))
    reader = TrialReader(stored.jobs, space, wanted)
    trials = [trial for job in stored.as_ended if (trial := reader.read(job)) is not None]
    outside = tuple(sorted(reader.outside))
    if outside:
        text = f"{len(outside)} of {len(stored.jobs)} trials are outside the space"
        if not trials:
            raise BackendError(f"{text}: give the space of the search, as load(..., space=...)")
        warnings.warn(f"{text} and were left out: numbers {[*outside]}", stacklevel=3)
    metadata = {"backend": "nni", "experiment": settings.get("experimentName") or ""}
    return History(
        space,
        wanted,
        tuple(trials),
        strategy=_tuner(settings),
        metadata=metadata,
        skipped=outside,
    )


def _tuner(settings: Mapping[str, Any]) -> str:
    tuner: Mapping[str, Any] = settings.get("tuner") or {}
    return str(tuner.get("name") or tuner.get("className") or "")


def _objective(settings: Mapping[str, Any]) -> Objective:
    tuner: Mapping[str, Any] = settings.get("tuner") or {}
    arguments: Mapping[str, Any] = tuner.get("classArgs") or {}
    mode = arguments.get("optimize_mode", "maximize")
    return Objective(DEFAULT, "min" if mode == "minimize" else "max")


def write_experiment(working_directory: Path, history: History) -> None:
    """Write finished trials as an NNI experiment, which NNI then resumes and shows.

    Args:
        working_directory: NNI's working directory, without an experiment.
        history: The history; its running trials are not written.
    """
    trials = history.of_state(*ENDS)
    if not trials:
        return
    name = secrets.token_hex(4)
    folder = working_directory.resolve() / name
    (folder / "log").mkdir(parents=True)
    events: list[tuple[Any, ...]] = []
    metrics: list[tuple[Any, ...]] = []
    for trial in trials:
        job = f"moved{trial.number:05d}"
        files = folder / "environments" / ENVIRONMENT / "trials" / job
        _write_files(trial, files)
        events += event_rows(trial, job, str(files))
        metrics += metric_rows(trial, job, history.objectives)
    began = milliseconds(min(trial.started or time.time() for trial in trials))
    following = max(trial.number for trial in trials) + 1
    profile = ("{}", name, 0, began, None, str(folder), following, 0)
    rows = {"TrialJobEvent": events, "MetricData": metrics, "ExperimentProfile": [profile]}
    create_database(folder / DATABASE, rows)


def _write_files(trial: Trial, folder: Path) -> None:
    """Write the files of a trial that the web UI shows: its log, and its picture if drawable."""
    folder.mkdir(parents=True)
    error = trial.notes.get("traceback") or trial.notes.get("error", "")
    (folder / "trial.stderr").write_text(f"{trial.architecture}\n{error}\n")
    for name in ("trial.log", "trial.stdout"):
        (folder / name).touch()
    with suppress(NasbridgeError):  # a space of plain values has no picture
        trial.architecture.draw(folder / "architecture.svg")
