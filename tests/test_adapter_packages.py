"""Every adapter package has the listed files and the same entry points."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ADAPTERS = Path(__file__).resolve().parent.parent / "adapters"

# What the common files contain:
#   __init__.py   capabilities, run, load, store_history and the public names
#   block.py, oracle.py, sampler.py, searcher.py, tuner.py
#                 the native integration, under the name that the framework uses
#   space.py      to_native, from_native, native values as architectures
#   store.py      the storage of the framework as the engine uses it
#   trials.py     one native trial record and our Trial
#   history.py    a native study or project and our History
#   reporting.py  intermediate values, pruners, schedulers, assessors
#   executor.py   where evaluation happens, if not in our pool
#   compat.py     patches of the framework, each with its upstream issue
FILES: dict[str, set[str]] = {
    "autogluon": {
        *("__init__.py", "fit.py", "loop.py", "model.py", "network.py", "search.py"),
        *("searcher.py", "space.py", "table.py", "torch.py", "trials.py"),
    },
    "autokeras": {
        *("__init__.py", "block.py", "compat.py", "oracle.py", "space.py", "tuner.py"),
    },
    "keras_tuner": {
        *(
            "__init__.py",
            "declarations.py",
            "driven.py",
            "extend.py",
            "files.py",
            "history.py",
            "model.py",
        ),
        *("objectives.py", "oracle.py", "proposals.py", "protocol.py", "reporting.py"),
        *("results.py", "scores.py", "space.py", "store.py", "trials.py", "tuner.py"),
        *("values.py", "workers.py"),
    },
    "local": {
        "__init__.py",
    },
    "nni": {
        *("__init__.py", "class_args.py", "compat.py", "ctl.py", "database.py"),
        *("dispatcher.py", "executor.py", "history.py", "manager.py", "nested.py", "preload.js"),
        *("registry.py", "relay.py", "reporting.py", "serving.py", "session.py", "space.py"),
        *("store.py", "native_trial.py", "trial_process.py", "trials.py", "tuner.py", "webui.py"),
    },
    "optuna": {
        *("__init__.py", "attributes.py", "exhaustion.py", "extra.py", "following.py"),
        *("history.py", "joint_space.py", "reporting.py", "sampler.py", "space.py"),
        *("storage.py", "store.py", "study_log.py", "study_space.py", "suggesting.py"),
        "trials.py",
    },
    "ray_tune": {
        *("__init__.py", "cluster.py", "executor.py", "forms.py", "history.py", "points.py"),
        "reporting.py",
        *("native_reports.py", "resources.py", "searcher.py", "space.py", "store.py", "trials.py"),
        "worker.py",
    },
}
ENTRY_POINTS = {"CAPABILITIES", "load", "run", "store_history"}


def differing_files(package: Path) -> set[str]:
    """Return the files that a package lacks, and those that are not listed."""
    return FILES[package.name] ^ {f.name for f in package.iterdir() if f.name != "__pycache__"}


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
    assert {package.name for package in packages()} == set(FILES)


@pytest.mark.parametrize("package", packages(), ids=lambda package: package.name)
def test_package_has_exactly_the_listed_files(package: Path) -> None:
    assert not differing_files(package)


@pytest.mark.parametrize("package", packages(), ids=lambda package: package.name)
def test_package_exports_the_entry_points(package: Path) -> None:
    assert not missing_entry_points(package)


def test_differing_files_and_missing_entry_points_are_found(tmp_path: Path) -> None:
    package = tmp_path / "optuna"
    package.mkdir()
    for name in FILES["optuna"] - {"store.py"}:
        (package / name).touch()
    (package / "__init__.py").write_text('__all__ = ["CAPABILITIES", "load", "run"]\n')
    (package / "study.py").touch()
    assert differing_files(package) == {"study.py", "store.py"}
    assert missing_entry_points(package) == {"store_history"}
