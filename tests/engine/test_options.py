"""Options of backends: names, types and descriptions from signatures and docstrings."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nasbridge.adapters import BACKENDS, backend
from nasbridge.adapters.registry import is_installed
from nasbridge.engine import ExperimentError, Unsupported
from nasbridge.engine.options import accepted_options, check_options, options_of


def run(
    experiment: object,
    directory: Path | None = None,
    port: int | None = None,
    keep: bool = False,
) -> None:
    """Run.

    Args:
        experiment: The experiment.
        directory: Where everything is stored.
        port: The port of the web UI,
            from 1 to 65535.
        keep: Whether it stays.

    Returns:
        Nothing.
    """


def open_ended(experiment: object, **options: Any) -> None: ...


def test_options_are_the_parameters_beyond_the_common_ones() -> None:
    options = options_of(run)
    assert list(options) == ["port", "keep"]
    assert options["port"].annotation == int | None
    assert options["keep"].default is False
    assert options["port"].help == "The port of the web UI, from 1 to 65535."


def test_an_unknown_option_is_refused() -> None:
    check_options("mine", run, {"keep": True})
    with pytest.raises(Unsupported, match="backend 'mine' has no option 'kepe': it has port, keep"):
        check_options("mine", run, {"kepe": True})


def test_a_function_that_takes_everything_checks_for_itself() -> None:
    check_options("mine", open_ended, {"anything": 1})
    assert accepted_options(open_ended, {"anything": 1}) == {"anything": 1}
    assert accepted_options(run, {"anything": 1, "keep": True}) == {"keep": True}


@pytest.mark.parametrize("function", [run, open_ended])
@pytest.mark.parametrize("name", ["jobs", "directory", "on_accepted"])
def test_a_common_parameter_is_not_an_option(function: Callable[..., Any], name: str) -> None:
    with pytest.raises(ExperimentError, match=f"'{name}' is not an option of backend 'mine'"):
        check_options("mine", function, {name: 3})


def test_annotations_that_only_type_checkers_can_evaluate() -> None:
    def typed(experiment: object, port: int = 1, client: Any = None) -> None: ...

    typed.__annotations__.update(experiment="Missing", port="int", client="Missing | None")
    check_options("mine", typed, {"client": 1})
    with pytest.raises(Unsupported, match="it has port, client"):
        check_options("mine", typed, {"other": 1})
    assert accepted_options(typed, {"client": 1, "other": 2}) == {"client": 1}
    options = options_of(typed)
    assert options["port"].annotation is int
    assert options["client"].annotation is inspect.Parameter.empty


@pytest.mark.parametrize("name", [name for name in BACKENDS if is_installed(name)])
def test_every_option_of_our_backends_is_documented(name: str) -> None:
    adapter = backend(name)
    functions: list[Callable[..., Any]] = [adapter.run, adapter.store_history]
    for function in functions:
        assert "options" not in inspect.signature(function).parameters
        for option in options_of(function).values():
            assert option.help, f"{name}: {function.__name__} does not describe {option.name}"
