"""The support table is data: read without the frameworks, shown in the README, never stale."""

import subprocess
import sys
from pathlib import Path

import pytest

from nasbridge import backend_names
from nasbridge.adapters import BACKENDS, backend
from nasbridge.adapters.registry import capabilities_of, is_installed
from nasbridge.support_table import ABILITIES, renewed, support_table

README = Path(__file__).resolve().parent.parent / "README.md"
STALE = "before\n<!-- support table -->\nold\n<!-- end of support table -->\nafter\n"


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_what_is_read_is_what_the_adapter_says(name: str) -> None:
    assert is_installed(name), f"{name} is missing: install lock/test.txt, as make test does"
    assert capabilities_of(name) is backend(name).CAPABILITIES
    assert list(capabilities_of(name).abilities()) == list(ABILITIES)


def test_the_table_has_a_column_for_each_backend_and_a_row_for_each_ability() -> None:
    rows = [line.strip("|").split(" | ") for line in support_table().splitlines()]
    assert [cell.strip(" `") for cell in rows[0]] == ["", *sorted(BACKENDS)]
    assert [row[0].strip() for row in rows[2:]] == list(ABILITIES.values())
    assert {len(row) for row in rows} == {len(BACKENDS) + 1}
    assert set(BACKENDS) <= set(backend_names())


def test_renewing_replaces_what_is_between_the_markers(tmp_path: Path) -> None:
    fresh = renewed(STALE)
    assert support_table() in fresh
    assert "old" not in fresh
    assert (fresh.startswith("before\n"), fresh.endswith("after\n")) == (True, True)
    assert renewed(fresh) == fresh
    file = tmp_path / "README.md"
    file.write_text(STALE)
    subprocess.run([sys.executable, "-m", "nasbridge.support_table", str(file)], check=True)
    assert file.read_text() == fresh


def test_markers_are_needed() -> None:
    with pytest.raises(LookupError, match="needs the markers"):
        renewed("no table")


def test_the_readme_is_fresh() -> None:
    text = README.read_text("utf-8")
    assert renewed(text) == text, "stale: run python -m nasbridge.support_table"
