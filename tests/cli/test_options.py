"""`--option KEY=VALUE`: values of the types that a backend's signature declares."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest

from nasbridge.adapters import registry
from nasbridge.cli import options as cli_options
from nasbridge.cli.options import parse_options, type_name
from nasbridge.engine import ExperimentError, Unsupported
from nasbridge.engine.options import options_of


class Color(Enum):
    RED = "r"
    BLUE = "b"


class Thing:
    """A type that no text can give."""


def run(
    experiment: object,
    port: int | None = None,
    share: float = 1.0,
    keep: bool = False,
    name: str | Thing = "",
    resources: Mapping[str, float] | None = None,
    callbacks: Sequence[Thing] = (),
    tags: Sequence[str] = (),
    hook: Callable[[], None] | None = None,
    mode: Literal["min", "max"] = "min",
    cache: Path | None = None,
    color: Color | None = None,
    sizes: list[int] | None = None,
    client: Any = None,
) -> None: ...


run.__annotations__["client"] = "Missing | None"  # as from an import under TYPE_CHECKING


def open_ended(experiment: object, **options: Any) -> None: ...


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    def use(function: Any) -> None:
        adapter = type("Adapter", (), {"run": staticmethod(function)})

        def find(name: str) -> Any:
            return adapter

        monkeypatch.setattr(cli_options, "backend", find)

    return use


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("port=8080", 8080),
        ("share=0.5", 0.5),
        ("keep=true", True),
        ("keep=No", False),
        ("name=sqlite:///a.db?x=1", "sqlite:///a.db?x=1"),
        ("name=12", "12"),
        ('resources={"cpu": 2}', {"cpu": 2}),
        ('tags=["a", "b"]', ["a", "b"]),
        ("mode=max", "max"),
        ("cache=a/b", Path("a/b")),
        ("color=BLUE", Color.BLUE),
        ("sizes=[1, 2]", [1, 2]),
        ("client=12", "12"),  # its annotation cannot be evaluated
    ],
)
def test_values_have_the_declared_type(
    backend: Callable[[Any], None], text: str, value: object
) -> None:
    backend(run)
    given = parse_options("mine", [text])
    assert given == {text.partition("=")[0]: value}
    assert type(*given.values()) is type(value)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("port", ExperimentError, "--option port has no value: give it as KEY=VALUE"),
        ("port=abc", ExperimentError, "--option port=abc: expected int$"),
        ("keep=2", ExperimentError, "expected true or false"),
        ("resources=2", ExperimentError, "expected JSON"),
        ('resources={"cpu": "x"}', ExperimentError, "expected JSON"),
        ('sizes=["a"]', ExperimentError, "expected JSON"),
        ("sizes=[1.5]", ExperimentError, "expected JSON"),
        ("mode=mean", ExperimentError, "expected min or max"),
        ("color=b", ExperimentError, "expected RED or BLUE"),
        ("jobs=3", ExperimentError, "'jobs' is not an option of backend 'mine'"),
        ("callbacks=[]", ExperimentError, "its value is an object: pass it from"),
        ("hook=print", ExperimentError, "its value is an object: pass it from"),
        ("prot=1", Unsupported, "backend 'mine' has no option 'prot': it has port, share"),
    ],
)
def test_a_wrong_option_is_explained(
    backend: Callable[[Any], None], text: str, error: type[Exception], message: str
) -> None:
    backend(run)
    with pytest.raises(error, match=message):
        parse_options("mine", [text])


def test_the_last_of_equal_keys_counts(backend: Callable[[Any], None]) -> None:
    backend(run)
    assert parse_options("mine", ["port=1", "port=2"]) == {"port": 2}


def test_options_without_a_declared_type_are_json_or_text(backend: Callable[[Any], None]) -> None:
    backend(open_ended)
    assert parse_options("mine", ["a=1", "b=x"]) == {"a": 1, "b": "x"}


def test_every_backend_names_the_types_of_its_options() -> None:
    for name in registry.BACKENDS:
        if registry.is_installed(name):
            for option in options_of(registry.backend(name).run).values():
                assert "JSON" not in type_name(option) or option.name == "resources"
