"""Every adapter package has the same files and the same entry points."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ADAPTERS = Path(__file__).resolve().parent.parent / "adapters"

# The file table: what these files contain is described in docs and in each package.
TABLE = {
    "__init__.py",  # capabilities, run, load, store_history and the public names
    "block.py",  # the native integration, under the name that the framework uses
    "oracle.py",
    "sampler.py",
    "searcher.py",
    "tuner.py",
    "space.py",  # to_native, from_native, native values as architectures
    "store.py",  # the storage of the framework as the engine uses it
    "trials.py",  # one native trial record and our Trial
    "history.py",  # a native study or project and our History
    "reporting.py",  # intermediate values, pruners, schedulers, assessors
    "executor.py",  # where evaluation happens, if not in our pool
    "compat.py",  # patches of the framework, each with its upstream issue
}

# Files that only this framework needs.
EXTRA: dict[str, set[str]] = {
    "autogluon": {
        "fit.py",
        "loop.py",
        "model.py",
        "network.py",
        "search.py",
        "table.py",
        "torch.py",
    },
    "autokeras": set(),
    "keras_tuner": {
        *("driven.py", "files.py", "model.py", "objectives.py", "protocol.py", "run.py"),
        *("extend.py", "proposals.py", "results.py", "scores.py", "values.py", "workers.py"),
    },
    "local": set(),
    "nni": {
        *("architecture.py", "class_args.py", "ctl.py", "database.py"),
        *("dispatcher.py", "manager.py", "moved.py", "node.py", "preload.js", "registry.py"),
        *(
            "relay.py",
            "serving.py",
            "session.py",
            "native_trial.py",
            "trial_process.py",
            "webui.py",
        ),
    },
    "optuna": {"attributes.py", "filtered.py", "storage.py", "study_log.py"},
    "ray_tune": {"cluster.py", "native_reports.py", "resources.py", "worker.py"},
}
ENTRY_POINTS = {"CAPABILITIES", "load", "run", "store_history"}


def unexpected_files(package: Path) -> set[str]:
    """Return the files of a package that neither the table nor the list of extra files names."""
    names = {file.name for file in package.iterdir() if file.name != "__pycache__"}
    return names - TABLE - EXTRA[package.name]


def exported(source: str) -> Iterator[str]:
    """List the names in the literal `__all__` of a module."""
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                yield from ast.literal_eval(value)
            case _:
                pass


def missing_entry_points(package: Path) -> set[str]:
    """Return the entry points that a package does not export."""
    return ENTRY_POINTS - set(exported((package / "__init__.py").read_text("utf-8")))


def packages() -> list[Path]:
    """Return the folders of all adapter packages."""
    return sorted(path.parent for path in ADAPTERS.glob("*/__init__.py"))


def test_every_package_is_listed() -> None:
    assert {package.name for package in packages()} == set(EXTRA)


@pytest.mark.parametrize("package", packages(), ids=lambda package: package.name)
def test_package_has_only_files_of_the_table(package: Path) -> None:
    assert not unexpected_files(package)


@pytest.mark.parametrize("package", packages(), ids=lambda package: package.name)
def test_package_exports_the_entry_points(package: Path) -> None:
    assert not missing_entry_points(package)


def test_unexpected_file_and_missing_entry_point_are_found(tmp_path: Path) -> None:
    package = tmp_path / "optuna"
    package.mkdir()
    (package / "__init__.py").write_text('__all__ = ["CAPABILITIES", "load", "run"]\n')
    (package / "store.py").touch()
    (package / "study.py").touch()
    assert unexpected_files(package) == {"study.py"}
    assert missing_entry_points(package) == {"store_history"}
