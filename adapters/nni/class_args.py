"""What stands in `classArgs` of NASTuner: an experiment's file, or a strategy by its name."""

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
    "experiment_in",
    "refuse_beside_experiment",
    "refuse_unknown",
    "strategy_of",
]

ARGUMENTS = ("experiment", "name", "strategy", "settings", "optimize_mode", "seed")
DIRECTIONS: Mapping[str, Literal["max", "min"]] = {"maximize": "max", "minimize": "min"}


def direction_of(mode: str | None) -> Literal["max", "min"] | None:
    """Return what NNI's `optimize_mode` means; None for None.

    Args:
        mode: What stands in the configuration.

    Raises:
        BackendError: NNI has no such mode.
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
    """Make sure that NNI is told in which direction an experiment optimizes.

    NNI's web UI and `load` know the configuration, not the experiment's file.

    Args:
        direction: What the configuration says, if anything.
        first: The experiment's first objective, which is NNI's "default".
        experiment: The file, for the message.

    Raises:
        BackendError: It says another, or nothing where NNI would take "maximize".
    """
    if (direction or "max") != first.direction:
        raise BackendError(
            f"{experiment} wants {first.metric!r} at its {first.direction}imum, and NNI would show "
            f"and load the opposite: write optimize_mode: {first.direction}imize in classArgs, "
            "beside experiment"
        )


def refuse_unknown(names: Iterable[str]) -> None:
    """Refuse what NASTuner does not know.

    Args:
        names: Names in `classArgs` that are none of its arguments.

    Raises:
        BackendError: There is one; says which may have been meant.
    """
    for name in names:
        close = get_close_matches(name, ARGUMENTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(ARGUMENTS)}"
        raise BackendError(f"NASTuner has no {name!r} in classArgs: {hint}")


def refuse_beside_experiment(**given: Any) -> None:
    """Refuse what an experiment has already.

    Raises:
        BackendError: Says what to leave out.
    """
    twice = [name for name, value in given.items() if value is not None]
    if twice:
        raise BackendError(
            f"classArgs has {', '.join(twice)} beside experiment, which brings its own: leave "
            f"{'it' if len(twice) == 1 else 'them'} out, or leave out experiment"
        )


def strategy_of(name: str | None, settings: Mapping[str, Any] | None) -> Strategy[Any]:
    """Make a strategy.

    Args:
        name: Its name; None for the usual one.
        settings: Its settings.

    Raises:
        BackendError: There is no strategy of this name, or it has no such setting.
    """
    usual: Any = default_strategy(None)
    made = cast(Any, type(usual) if name is None else getattr(strategies, str(name), None))
    if not _is_strategy(made):
        there = [each for each in strategies.__all__ if _is_strategy(getattr(strategies, each))]
        close = get_close_matches(str(name), there, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise BackendError(f"there is no strategy {name!r}: {hint}name one of {', '.join(there)}")
    given: object = {} if settings is None else settings
    if not isinstance(given, Mapping):
        raise BackendError(
            f"settings={given!r} are none: give names with values, as {{population: 20}}"
        )
    wanted = cast(Mapping[str, Any], given)
    known = [field.name for field in fields(made) if field.init]
    unknown = [key for key in wanted if key not in known]
    if unknown:
        raise BackendError(
            f"{made.__name__} has no setting {', '.join(map(repr, unknown))}: it has "
            f"{', '.join(known) or 'none'}"
        )
    return replace(usual, **wanted) if name is None else made(**wanted)


def _is_strategy(made: Any) -> bool:
    return isinstance(made, type) and issubclass(made, Strategy) and made is not Strategy


def experiment_in(file: Path, name: str | None) -> Any:
    """Find an experiment in a file, by what an experiment has.

    Args:
        file: A Python file.
        name: The variable in there; None for `experiment`, or the only one.

    Raises:
        ExperimentError: There is no such file, or it holds none, or several.
    """
    if not file.is_absolute() and not file.exists():
        raise ExperimentError(
            f"{file} does not exist here, and NNI makes a tuner in a folder of its own: write the "
            "whole path of the experiment's file in classArgs"
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
            "Experiment(...) at its top level, or say name= in classArgs"
        )
    return found[wanted]
