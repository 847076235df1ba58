"""`space`, `backends` and `--help`: commands that only show something."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Edit = Callable[[str, str], None]


def test_space_shows_decisions_numbers_and_samples(nasbridge: Run, edit: Edit) -> None:
    edit("Integer(1, 60)", "Integer(1, 4)")
    edit("Integer(0, 9)", 'Choice({"[deep]": Choice(["a", "b"]), "flat": "flat"})')
    done = nasbridge("space", "toy.py", "--sample", 3)
    table = done.stdout
    assert re.search(r"^width +an integer from 1 to 4 +always", table, re.MULTILINE)
    assert re.search(r"one of '\[deep\]', 'flat' +always", table)
    assert re.search(r"one of 'a', 'b' +delay in \('\[deep\]'\)", table)
    assert "4 decisions, 24 architectures\n24 of these are distinct up to equivalence" in table
    assert table.count("Architecture(") == 3
    assert nasbridge("space", "toy.py", "--sample", 3, "--seed", 1).stdout != table


def test_space_counts_large_and_infinite_spaces(nasbridge: Run, edit: Edit) -> None:
    edit("Integer(0, 9)", "Integer(0, 99999)")
    assert "3 decisions, 12,000,000 architectures\nArch" in nasbridge("space", "toy.py").stdout
    edit("Integer(0, 99999)", "Real(0, 1)")
    edit("Space\n", "Space, Real\n")
    assert "3 decisions, some of them real: infinitely many" in nasbridge("space", "toy.py").stdout


def test_space_counts_equivalents_and_constraints(folder: Path, nasbridge: Run) -> None:
    (folder / "nets.py").write_text(
        "from nasbridge import Chain, Choice, layer\n"
        "def op(name):\n"
        "    dense = layer('Dense', units=8)\n"
        "    return Choice({'dense': dense, 'skip': layer('Identity')}, name=name)\n"
        "space = Chain(op('one'), op('two'))\n"
        "few = space.limit((8,), parameters=100)\n"
    )
    done = nasbridge("space", "nets.py", "--draw", "net.svg")
    assert "2 decisions, 4 architectures\n3 of these are distinct up to equivalence" in done.stdout
    assert "<svg" in (folder / "net.svg").read_text()
    few = nasbridge("space", "nets.py", "--name", "few").stdout
    assert "3 of them satisfy the constraints\n2 of these are distinct up to equivalence" in few
    (folder / "few.json").write_text(
        nasbridge("space", "nets.py", "--name", "few", "--json").stdout
    )
    assert nasbridge("space", "few.json").stdout == few


def test_backends_lists_capabilities(nasbridge: Run) -> None:
    shown = nasbridge("backends").stdout
    assert re.search(r"^local +trials are stored in +history", shown, re.MULTILINE)
    assert re.search(r"^optuna +trials are stored in +a study", shown, re.MULTILINE)
    assert "no: the history file has one writer" in shown
    assert shown.rstrip().endswith("nasbridge backends NAME lists the options of a backend.")


def test_one_backend_is_shown_with_its_options(nasbridge: Run) -> None:
    shown = nasbridge("backends", "optuna").stdout
    assert re.search(r"^optuna +trials are stored in +a study", shown, re.MULTILINE)
    assert re.search(r"--option storage= +text: ", shown)
    assert "no: the history file has one writer" not in shown  # of other backends


def run_code(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_list_of_backends_imports_no_framework() -> None:
    done = run_code(
        "import sys\n"
        "from nasbridge.cli import app\n"
        "try: app(['backends'])\n"
        "except SystemExit: print(*sys.modules)\n"
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "nasbridge.adapters" in loaded
    assert not loaded & {"optuna", "keras", "tensorflow", "torch", "ray", "nni", "autogluon"}


def test_a_backend_that_cannot_be_imported_is_an_error() -> None:
    code = (
        "import sys\n"
        "from types import ModuleType\n"
        "class Broken(ModuleType):\n"
        "    def __getattr__(self, name): raise RuntimeError('broken ' + name)\n"
        "sys.modules['optuna'] = Broken('optuna')\n"
        "from nasbridge.cli import app\n"
        "app(sys.argv[1:])\n"
    )
    done = run_code(code, "backends", "optuna")
    assert done.returncode == 1
    assert "error: backend 'optuna' cannot be imported (RuntimeError: broken" in done.stderr


def without_optuna(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command as if Optuna were not installed."""
    code = (
        "import sys; sys.modules['optuna'] = None; from nasbridge.cli import app; app(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_a_missing_framework_is_named_with_its_extra(folder: Path) -> None:
    done = without_optuna("backends", cwd=folder)
    assert re.search(
        r"^optuna +not installed +pip install 'nasbridge\[optuna\]'", done.stdout, re.M
    )
    assert "history.jsonl" in done.stdout
    done = without_optuna("run", "toy.py", "--backend", "optuna", cwd=folder)
    assert done.returncode == 1
    assert "pip install 'nasbridge[optuna]'" in done.stderr
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("", "traceback version"),
        ("run", "backend directory trials seconds seed jobs pruner option name"),
        ("resume", "experiment trials seconds jobs option"),
        ("report", "output experiment option"),
        ("export", ""),
        ("import", "backend option experiment"),
        ("space", "sample seed draw json name"),
        ("backends", ""),
    ],
)
def test_every_command_has_help(nasbridge: Run, command: str, options: str) -> None:
    shown = nasbridge(*command.split(), "--help").stdout
    assert "Usage: nasbridge" in shown
    assert set(options.split()) <= set(re.findall(r"--([\w-]+)", shown))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from nasbridge.cli import app\n"
        "try: app(['run', '--help'])\n"
        "except SystemExit: print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "nasbridge.cli" in loaded
    assert not loaded & {"numpy", "optuna", "keras", "nasbridge.spaces", "nasbridge.adapters"}


def test_version(nasbridge: Run) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", nasbridge("--version").stdout.strip())
