"""Limits of module and function length, and no names of machines or registries in files."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDERS = ["spaces", "strategies", "adapters", "src", "tests", "examples"]
MODULE_LINES = 400
FUNCTION_LINES = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files() -> list[Path]:
    """Return all Python files by their real paths; links below src/ are not followed."""
    return sorted(file for folder in FOLDERS for file in (REPOSITORY / folder).rglob("*.py"))


def long_modules(source: str) -> Iterator[str]:
    """Yield a complaint about a module that is too long."""
    if (lines := len(source.splitlines())) > MODULE_LINES:
        yield f"1: {lines} lines; a module has at most {MODULE_LINES}"


def functions(source: str) -> Iterator[Function]:
    """Return all functions and methods of a module, nested ones included."""
    nodes = ast.walk(ast.parse(source))
    return (node for node in nodes if isinstance(node, Function))


def long_functions(source: str) -> Iterator[str]:
    """Yield a complaint for each function that is too long, docstring included."""
    for function in functions(source):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES:
            yield (
                f"{function.lineno}: {function.name} has {lines} lines; "
                f"a function has at most {FUNCTION_LINES}"
            )


def bare_arguments(source: str) -> Iterator[str]:
    """Yield a complaint for each argument without annotation, except `self` and `cls`."""
    for function in functions(source):
        taken = function.args
        named = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs]
        starred = [argument for argument in (taken.vararg, taken.kwarg) if argument]
        for argument in [*named, *starred]:
            if argument.annotation is None and argument.arg not in {"self", "cls"}:
                yield f"{argument.lineno}: {function.name}: {argument.arg} has no annotation"


@pytest.mark.parametrize("check", [long_modules, long_functions, bare_arguments])
def test_modules_are_within_limits(check: Callable[[str], Iterator[str]]) -> None:
    found = [
        f"{file.relative_to(REPOSITORY)}:{complaint}"
        for file in python_files()
        for complaint in check(file.read_text("utf-8"))
    ]
    assert not found, "\n" + "\n".join(found)


# In pieces, so that this file passes its own test.
HOSTS = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("debian", "org"),
    ("download", "pytorch", "org"),
    ("anaconda", "org"),
]
FOREIGN = {
    "the host name of a registry": re.compile("|".join(r"\.".join(host) for host in HOSTS)),
    "a path of one machine": re.compile(r"(?<![\w./~-])/(?:work|root|home|Users)/\w"),
}


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Yield path and text of each tracked file, except links and binary files.

    Outside a git checkout these are all Python files.
    """
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = "\0".join(str(file.relative_to(REPOSITORY)) for file in python_files())
    for path in filter(None, (ours if listed.returncode else listed.stdout).split("\0")):
        file = REPOSITORY / path
        if file.is_file() and not file.is_symlink() and b"\0" not in file.read_bytes():
            yield path, file.read_text("utf-8", errors="replace")


def test_tracked_files_name_no_registry_and_no_machine() -> None:
    found = [
        f"{path}:{number}: {what}: {match[0]}"
        for path, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in FOREIGN.items()
        if (match := pattern.search(line))
    ]
    assert not found, "\n" + "\n".join(found)


LEFT_OUT = re.compile(r"\b(?:importor" r"skip|pytest\.(?:mark\.)?skip(?:if)?)\b")


def test_no_test_is_skipped() -> None:
    """The lock file installs all that tests need; `make test` must fail where it is missing."""
    found = [
        f"{file.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for file in sorted((REPOSITORY / "tests").rglob("*.py"))
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if LEFT_OUT.search(line)
    ]
    assert not found, "let these tests fail and name what to install:\n" + "\n".join(found)
