"""Large histories: how long it takes to save, load and report them, and how large the report is.

python benchmarks/sizes.py                       # writes docs/benchmarks/sizes.md
"""

import argparse
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy

from nasbridge import Choice, History, Integer, Real, Space, Trial
from nasbridge.report import write_report
from nasbridge.strategies import Step, objectives_from

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "sizes.md"
SPACE = Space(
    {"units": Choice([16, 32, 64]), "layers": Integer(1, 8), "rate": Real(1e-4, 1e-1, log=True)}
)


def history(trials: int) -> History:
    """Return a history of random trials with three reports each."""
    rng = numpy.random.default_rng(0)
    made = (_trial(number, rng) for number in range(trials))
    return History(SPACE, objectives_from({"accuracy": "max"}), tuple(made))


def _trial(number: int, rng: numpy.random.Generator) -> Trial:
    curve = tuple(Step(epoch, {"accuracy": 0.1 * epoch}) for epoch in range(3))
    began = 1e9 + 2.0 * number
    return Trial(
        number,
        SPACE.sample(rng),
        "complete",
        {"accuracy": float(rng.random())},
        curve=curve,
        seconds=1.5,
        started=began,
        finished=began + 1.5,
    )


def measure(trials: int) -> str:
    """Return the row of a history."""
    with tempfile.TemporaryDirectory() as folder:
        file, page = Path(folder) / "history.jsonl", Path(folder) / "report.html"
        made = history(trials)
        began = time.perf_counter()
        made.save(file)
        saved = time.perf_counter()
        loaded = History.load(file)
        read = time.perf_counter()
        write_report(loaded, page)
        reported = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        return (
            f"| {trials:,} | {saved - began:.1f} | {file.stat().st_size / 1e6:.0f} | "
            f"{read - saved:.1f} | {reported - read:.1f} | {page.stat().st_size / 1e6:.1f} | "
            f"{peak:.1f} |"
        )


def main() -> None:
    """Measure each size in a process of its own, and write the page."""
    parser = argparse.ArgumentParser(description="Large histories")
    parser.add_argument("--trials", type=int, help="measure one size and print its row")
    given = parser.parse_args()
    if given.trials is not None:
        print(measure(given.trials))
        return
    rows: list[str] = []
    for trials in (1_000, 20_000, 200_000):
        command = [sys.executable, __file__, "--trials", str(trials)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(done.stdout.strip())
        print(rows[-1], flush=True)
    text = f"""# Large histories

Three decisions, one objective, three reports for each trial. A report of more than 2,000 trials
draws 2,000 of them, all improvements among them, and lists the 1,000 best and the 1,000 latest.

| trials | save, s | file, MB | load, s | report, s | report, MB | peak memory, GiB |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: |
{chr(10).join(rows)}

Made by `python benchmarks/sizes.py`; Python {platform.python_version()}, numpy {version("numpy")}.
"""
    OUTPUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
