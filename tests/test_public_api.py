"""`__all__` of a package lists its public names: complete, sorted and documented."""

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
    "nasbridge.engine",
    "nasbridge.spaces",
    "nasbridge.strategies",
    "nasbridge.testing",
]


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> ModuleType:
    """Each package with public names."""
    return import_module(str(request.param))


def exported(package: ModuleType) -> list[str]:
    """Return the names in `__all__`."""
    return list(package.__all__)


def bound_names(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements define or import from nasbridge.

    Imports under TYPE_CHECKING count: they declare lazy exports.
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


def test_all_lists_every_public_name(package: ModuleType) -> None:
    source = Path(inspect.getfile(package)).read_text("utf-8")
    there = {name for name in bound_names(ast.parse(source).body) if not name.startswith("_")}
    assert there == {name for name in exported(package) if not name.startswith("__")}


def test_all_names_exist_and_no_others(package: ModuleType) -> None:
    missing = [name for name in exported(package) if not hasattr(package, name)]
    assert not missing
    assert not hasattr(package, "no_such_name")


def test_every_public_callable_has_a_docstring(package: ModuleType) -> None:
    bare = [name for name in exported(package) if not is_documented(getattr(package, name))]
    assert not bare


def is_documented(thing: object) -> bool:
    """Return whether a class or function has a docstring; other values need none.

    The docstring that a dataclass receives by default, its signature, does not count.
    """
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return True
    text = thing.__doc__ or ""
    return bool(text) and not text.startswith(f"{thing.__name__}(")
