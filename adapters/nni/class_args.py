"""The `classArgs` of NASTuner: an experiment's file, or a strategy by name."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, cast

from ... import strategies
from ...engine.errors import BackendError, ExperimentError
from ...engine.modules import load_module
from ...spaces import SearchSpace
from ...strategies import Objective, Strategy, default_strategy

__all__ = [
    "check_direction",
    "direction_of",
    "experiment_from",
    "refuse_beside_experiment",
    "refuse_unknown",
    "strategy_of",
]

ARGUMENTS = ("experiment", "name", "strategy", "settings", "optimize_mode", "seed")
DIRECTIONS: Mapping[str, Literal["max", "min"]] = {"maximize": "max", "minimize": "min"}


def direction_of(mode: str | None) -> Literal["max", "min"] | None:
    """Return the direction of NNI's `optimize_mode`; None for None.

    Raises:
        BackendError: The mode is unknown.
    """
    if mode is None:
        return None
    if mode not in DIRECTIONS:
        raise BackendError(
            f"optimize_mode={mode!r}: give 'maximize' or 'minimize', as for NNI's own tuners"
        )
    return DIRECTIONS[mode]


def check_direction(
    direction: Literal["max", "min"] | None, first: Objective, experiment: str
) -> None:
    """Check that the configuration states the direction of the experiment's first objective.

    NNI's web UI and `load` read the configuration, not the experiment's file.

    Args:
        direction: The configured direction, or None.
        first: The first objective, NNI's "default".
        experiment: The experiment's file, for the message.

    Raises:
        BackendError: The directions differ; without a configured one NNI assumes "maximize".
    """
    if (direction or "max") != first.direction:
        raise BackendError(
            f"{experiment} optimizes {first.metric!r} to its {first.direction}imum, and NNI would "
            f"show and load the opposite: write optimize_mode: {first.direction}imize in "
            "classArgs, beside experiment"
        )


def refuse_unknown(names: Iterable[str]) -> None:
    """Raise `BackendError` for the first of some unknown arguments, with a suggestion."""
    for name in names:
        close = get_close_matches(name, ARGUMENTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(ARGUMENTS)}"
        raise BackendError(f"NASTuner has no argument {name!r} in classArgs: {hint}")


def refuse_beside_experiment(**given: Any) -> None:
    """Raise `BackendError` if arguments are given that the experiment's file defines."""
    twice = [name for name, value in given.items() if value is not None]
    if twice:
        raise BackendError(
            f"classArgs has {', '.join(twice)} beside experiment, which defines its own: leave "
            f"{'it' if len(twice) == 1 else 'them'} out, or leave out experiment"
        )


def strategy_of(name: str | None, settings: Mapping[str, Any] | None) -> Strategy[Any]:
    """Return a strategy by name.

    Args:
        name: Its class name; None for the default strategy.
        settings: Its settings.

    Raises:
        BackendError: The strategy or a setting is unknown.
    """
    default: Any = default_strategy(None)
    made = cast(Any, type(default) if name is None else getattr(strategies, str(name), None))
    if not _is_strategy(made):
        known = [each for each in strategies.__all__ if _is_strategy(getattr(strategies, each))]
        close = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise BackendError(f"unknown strategy {name!r}: {hint}choose one of {', '.join(known)}")
    given: object = {} if settings is None else settings
    if not isinstance(given, Mapping):
        raise BackendError(
            f"invalid settings={given!r}: give names with values, as {{population: 20}}"
        )
    wanted = cast(Mapping[str, Any], given)
    allowed = [field.name for field in fields(made) if field.init]
    unknown = [key for key in wanted if key not in allowed]
    if unknown:
        raise BackendError(
            f"{made.__name__} has no setting {', '.join(map(repr, unknown))}: choose from "
            f"{', '.join(allowed) or 'none'}"
        )
    return replace(default, **wanted) if name is None else made(**wanted)


def _is_strategy(made: Any) -> bool:
    return isinstance(made, type) and issubclass(made, Strategy) and made is not Strategy


def experiment_from(file: Path, name: str | None) -> Any:
    """Return the experiment that a Python file defines.

    Args:
        file: The file.
        name: The variable; None for `experiment`, or the only experiment in the file.

    Raises:
        ExperimentError: The file does not exist, or holds no experiment, or several.
    """
    if not file.is_absolute() and not file.exists():
        raise ExperimentError(
            f"{file} does not exist here, and NNI creates a tuner in its own folder: write "
            "the absolute path of the experiment's file in classArgs"
        )
    module = load_module(f"nasbridge_{file.stem}", file)
    found = {
        key: value
        for key, value in vars(module).items()
        if isinstance(getattr(value, "space", None), SearchSpace)
        and isinstance(getattr(value, "strategy", None), Strategy)
    }
    wanted = name or ("experiment" if "experiment" in found else next(iter(found), ""))
    if wanted not in found or (name is None and "experiment" not in found and len(found) > 1):
        raise ExperimentError(
            f"{file} holds {', '.join(found) or 'no Experiment'}: write experiment = "
            "Experiment(...) at its top level, or give name= in classArgs"
        )
    return found[wanted]
