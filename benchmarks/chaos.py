"""Damage of all kinds to runs and their files: nothing may be lost or differ in silence.

python benchmarks/chaos.py                       # writes docs/benchmarks/chaos.md
"""

import argparse
import os
import platform
import sys
from pathlib import Path

from nasbridge.testing.chaos import all_checks

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "chaos.md"


def main() -> int:
    """Do all checks and write the page; the exit status is 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description="Damage to runs and their files")
    parser.add_argument("--seconds", type=float, default=60, help="of kills, for each backend")
    parser.add_argument("--times", type=int, default=400, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows, wrong = list[str](), 0
    for check in all_checks(given.seconds, given.times, given.seed):
        found = check()
        wrong += found.wrong
        rows.append(
            f"| {found.what} | {found.tried} | {found.told} | {found.unharmed} | {found.wrong} |"
        )
        print(rows[-1], flush=True)
    text = f"""# Damage to runs and files

Processes are killed at random function calls; after each kill, no finished trial may be lost, and
the resumed run must equal one that was never hurt. Files are damaged at random places. A cut file
that holds the first events of a history is what a crash leaves: these trials are unharmed.

- told: an error said what is wrong, with the file
- unharmed: nothing was lost, and nothing differed
- wrong: anything else, such as a trial with another value

| damage | tried | told | unharmed | wrong |
| --- | ---: | ---: | ---: | ---: |
{chr(10).join(rows)}

Made by `python benchmarks/chaos.py --seconds {given.seconds:g} --times {given.times} --seed
{given.seed}` as root (the full disk is a small tmpfs); Python {platform.python_version()}.
"""
    OUTPUT.write_text(text, "utf-8")
    return int(wrong > 0)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    sys.exit(main())
