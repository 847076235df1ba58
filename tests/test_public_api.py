"""A package's `__all__` is what it offers: all of it, nothing else, in order, and explained."""

import ast
import inspect
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = [
    "nasbridge",
    "nasbridge.adapters",
    "nasbridge.bench",
    "nasbridge.spaces",
    "nasbridge.strategies",
]


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> ModuleType:
    """Each package with a public face."""
    return import_module(str(request.param))


def exported(package: ModuleType) -> list[str]:
    """The names in `__all__`."""
    return list(package.__all__)


def bound_names(body: Sequence[ast.stmt]) -> Iterator[str]:
    """The names that statements define or import from our own package.

    Imports under TYPE_CHECKING count: they are the static twins of lazy exports.
    """
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.ImportFrom(level=level, module=module, names=aliases):
                if level or (module or "").split(".")[0] == "nasbridge":
                    yield from (alias.asname or alias.name for alias in aliases)
            case ast.If(body=then, orelse=otherwise) | ast.Try(body=then, orelse=otherwise):
                yield from bound_names([*then, *otherwise])
            case _:
                pass


def test_all_is_sorted_without_repetition(package: ModuleType) -> None:
    assert exported(package) == sorted(set(exported(package)))


def test_all_is_what_is_there_and_public(package: ModuleType) -> None:
    source = Path(inspect.getfile(package)).read_text("utf-8")
    there = {name for name in bound_names(ast.parse(source).body) if not name.startswith("_")}
    assert there == {name for name in exported(package) if not name.startswith("__")}


def test_all_resolves_and_nothing_else_does(package: ModuleType) -> None:
    missing = [name for name in exported(package) if not hasattr(package, name)]
    assert not missing
    assert not hasattr(package, "no_such_name")


def test_every_public_callable_has_a_docstring(package: ModuleType) -> None:
    bare = [name for name in exported(package) if not is_explained(getattr(package, name))]
    assert not bare


def is_explained(thing: object) -> bool:
    """Whether a class or function has a docstring of its own; other values need none.

    A dataclass without one is given its signature as a docstring, which explains nothing.
    """
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return True
    text = thing.__doc__ or ""
    return bool(text) and not text.startswith(f"{thing.__name__}(")
