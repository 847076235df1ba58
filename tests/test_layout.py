"""Every module has one name, although folders are linked into the package."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDERS = ["adapters", "spaces", "strategies"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_imported_under_the_package_name_only(folder: str) -> None:
    import_module(f"nasbridge.{folder}")
    assert folder not in sys.modules


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_link_is_relative_and_leads_to_the_folder(folder: str) -> None:
    link = REPOSITORY / "src" / "nasbridge" / folder
    assert link.is_symlink(), f"{link} is not a link: run `git config core.symlinks true`"
    assert not link.readlink().is_absolute()
    assert link.resolve() == REPOSITORY / folder
