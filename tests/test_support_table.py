"""The support tables come from the registry: no framework is loaded, no document is stale."""

import subprocess
import sys
from pathlib import Path

import pytest

from nasbridge import backend_names
from nasbridge.adapters import BACKENDS, backend
from nasbridge.adapters.registry import capabilities_of, is_installed
from nasbridge.support_table import ABILITIES, DOCUMENTS, renewed, support_table, support_ticks

REPOSITORY = Path(__file__).resolve().parent.parent
STALE = {
    name: f"before\n<!-- {place} -->\nold\n<!-- end of {place} -->\nafter\n"
    for name, (place, _) in DOCUMENTS.items()
}


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_adapters_export_what_the_registry_declares(name: str) -> None:
    assert is_installed(name), f"{name} is missing: install lock/test.txt, as make test does"
    assert capabilities_of(name) is backend(name).CAPABILITIES
    assert list(capabilities_of(name).abilities()) == list(ABILITIES)


def test_the_table_has_a_column_per_backend_and_a_row_per_ability() -> None:
    rows = [line.strip("|").split(" | ") for line in support_table().splitlines()]
    assert [cell.strip(" `") for cell in rows[0]] == ["", *sorted(BACKENDS)]
    assert [row[0].strip() for row in rows[2:]] == list(ABILITIES.values())
    assert {len(row) for row in rows} == {len(BACKENDS) + 1}
    assert set(BACKENDS) <= set(backend_names())


def test_ticks_agree_with_the_table() -> None:
    full = {line.split(" | ")[0]: line for line in support_table().splitlines()[2:]}
    for line in support_ticks().splitlines()[2:]:
        name, *ticks = line.strip("| ").split(" | ")
        cells = full[f"| {name}"].strip("| ").split(" | ")[1:]
        assert ticks == ["-" if cell.startswith("no:") else "✓" for cell in cells]


def test_the_command_replaces_what_stands_between_the_markers(tmp_path: Path) -> None:
    for name, text in STALE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "nasbridge.support_table"]
    subprocess.run(command, check=True, cwd=tmp_path)
    for name, text in STALE.items():
        fresh = (tmp_path / name).read_text()
        assert DOCUMENTS[name][1]() in fresh
        assert "old" not in fresh
        assert (fresh.startswith("before\n"), fresh.endswith("after\n")) == (True, True)
        assert renewed(name, text) == fresh == renewed(name, fresh)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_missing_marker_is_an_error(name: str) -> None:
    with pytest.raises(LookupError, match="needs the markers"):
        renewed(name, "no markers")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_are_up_to_date(name: str) -> None:
    text = (REPOSITORY / name).read_text("utf-8")
    assert renewed(name, text) == text, "stale: run python -m nasbridge.support_table"
