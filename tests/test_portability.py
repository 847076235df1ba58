"""A small run of `benchmarks/portability.py`: two backends, one strategy, 12 trials."""

import subprocess
import sys
from pathlib import Path

COMMAND = Path(__file__).parent.parent / "benchmarks" / "portability.py"
SMALL = ["--backends", "local", "optuna", "--strategies", "RegularizedEvolution", "--trials", "12"]


def test_all_trials_agree_in_both_tables(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    done = subprocess.run(
        [sys.executable, str(COMMAND), *SMALL, "--output", str(page)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    assert rows == [
        "| strategy | local | optuna |",
        "| --- | --- | --- |",
        "| `RegularizedEvolution` | 12 / 12 | 12 / 12 |",
        "| from \\ to | local | optuna |",
        "| --- | --- | --- |",
        "| local | 12 | 12 |",
        "| optuna | 12 | 12 |",
    ]
