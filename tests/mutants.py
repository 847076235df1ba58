"""Mutants of strategies: changes that a test must notice.

    make mutants                  # all mutants
    make mutants ARGS=bananas     # those of files whose path contains "bananas"

Each mutant replaces one piece of code in a copy of the project, where the tests of its module run.
A mutant is killed if a test fails. The exit status is 1 if one survives.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("spaces", "strategies", "adapters", "src", "tests", "pyproject.toml")


class Mutant(NamedTuple):
    """A change of one file.

    Attributes:
        what: What is wrong in it.
        file: The changed file.
        before: The code that is replaced; it occurs once.
        after: The new code.
        tests: The test file that must fail.
    """

    what: str
    file: str
    before: str
    after: str
    tests: str


def of(module: str, what: str, before: str, after: str, tests: str = "") -> Mutant:
    """Return a mutant of a strategy, whose tests are those of its module unless given."""
    tests = tests or f"tests/strategies/test_{module}.py"
    return Mutant(what, f"strategies/{module}.py", before, after, tests)


BAYES = "tests/strategies/test_bayesian.py"
BANANAS = "tests/strategies/test_bananas.py"
PRUNED = "tests/strategies/test_pruned.py"
SUCCESS = "tests/strategies/test_success.py"

MUTANTS = (
    of(
        "classification",
        "has labels the wrong way round",
        "signed = numpy.where(labels > 0.5, latent, -latent)",
        "signed = numpy.where(labels > 0.5, -latent, latent)",
        SUCCESS,
    ),
    of(
        "classification",
        "ignores that the mode moves with the hyperparameters",
        "outer += 0.5 * (cross + cross.T)",
        "outer += 0 * (cross + cross.T)",
        SUCCESS,
    ),
    of(
        "classification",
        "is as sure far away as nearby",
        "numpy.sqrt(1 + numpy.pi / 8 * numpy.maximum(variance, 0))",
        "1.0",
        SUCCESS,
    ),
    of("success", "finds structure in noise", "share = 1 / (1 +", "share = 1.0 or 1 / (1 +"),
    of("success", "forgets all older trials", "(*older[:half:2], *older[half:])", "older[half:]"),
    of("success", "prefers unsafe candidates", "probability - 1)", "1 + acquisition)"),
    of(
        "success",
        "never yields unsafe candidates",
        "    while passed:",
        "    while passed and False:",
    ),
    of("bayesian", "ignores failures", "if model is not None:", "if False:", SUCCESS),
    of(
        "surrogate",
        "never learns positions",
        "if not features.covers_decisions:",
        "if True:",
        BAYES,
    ),
    of("surrogate", "always learns positions", "number * penalty", "-number * 1e9", BAYES),
    of("search", "ignores failures", "if self.strategy.avoids_failures:", "if False:", SUCCESS),
    of("surrogate", "keeps the worst of many trials", "argsort(-ranks,", "argsort(ranks,", BAYES),
    of(
        "bayesian",
        "ignores pruned trials",
        "        if scores is None:\n            return replace(state, success",
        "        if trial.state == 'pruned':\n            return state\n"
        "        if scores is None:\n            return replace(state, success",
        PRUNED,
    ),
    of(
        "bayesian",
        "counts partly pruned trials as failed",
        "trial.partial_scores(",
        "trial.scores(",
        PRUNED,
    ),
    of(
        "bayesian",
        "keeps dominated members of the front",
        "(*(one for one in front if not dominates(member[1], one[1])), member)",
        "(*front, member)",
        PRUNED,
    ),
    of(
        "bayesian",
        "does not round the acquisition",
        "argsort(-_rounded(acquired)",
        "argsort(-(acquired)",
    ),
    of("gaussian_process", "does not round hyperparameters", "numpy.round(best, 2)", "best", BAYES),
    of("acquisition", "scalarizes without the power", "least**count", "least", BAYES),
    of("acquisition", "multiplies by the weights", "0.0) / weights)", "0.0) * weights)", BAYES),
    of(
        "policy_gradient",
        "compares with one batch only",
        "numpy.concatenate([state.seen, finished])",
        "numpy.concatenate([finished])",
    ),
    of("policy_gradient", "ignores unknown scores", " | numpy.isnan(scores[:, None])", "", PRUNED),
    of("bananas", "has no Thompson noise", "rng.standard_normal(len(fresh))", "0.0"),
    of("bananas", "trains on values", "normal_scores([score for", "numpy.array([score for"),
    of("bananas", "has an unbounded memo", ">= MEMO", ">= 10**9"),
    of("bananas", "mutates one decision", "space.mutate_each(", "space.mutate("),
    of(
        "ensemble",
        "has identical members",
        "rng.uniform(-bound, bound, (networks, before, after))",
        "numpy.repeat(rng.uniform(-bound, bound, (1, before, after)), networks, 0)",
        BANANAS,
    ),
    of(
        "ensemble",
        "has no bias correction",
        "self._rate / (1 - DECAYS[0] ** self._time)",
        "self._rate",
        BANANAS,
    ),
    of("ensemble", "has another decay", "DECAYS = 0.9, 0.99 ", "DECAYS = 0.9, 0.999 ", BANANAS),
    of(
        "local_search",
        "does not restart",
        "updated.centre is None or was_through",
        "updated.centre is None",
    ),
    of("local_search", "has a fixed order", "rng.permutation(len(near))", "range(len(near))"),
    of("pruners", "stops at the median", "compared[0] < 0.5", "compared[0] <= 0.5"),
    of("pruners", "uses the last value", "max(own) < median(known)", "own[-1] < median(known)"),
    of("pruners", "is not strict", "max(own) < median(known)", "max(own) <= median(known)"),
    of("pruners", "counts trials that run", 'if other.state == "complete"', "if other.curve"),
    of("pareto", "lets unknown scores dominate", "if not math.isnan(b)]", "if b == b and a == a]"),
    of("search", "ends infinite spaces", "range(INFINITE_TRIES)", "range(0)"),
    Mutant(
        "a real mutation clamps",
        "spaces/decisions/domains.py",
        "moved = abs(moved) % 2 ",
        "moved = min(max(moved, 0), 1) ",
        "tests/spaces/decisions/test_domains.py",
    ),
)


def is_killed(mutant: Mutant, folder: Path) -> bool:
    """Return whether the tests fail in a copy of the project with the mutant."""
    path = folder / mutant.file
    text = path.read_text("utf-8")
    if text.count(mutant.before) != 1:
        raise SystemExit(f"{mutant.file}: {mutant.before!r} does not occur once; fix {__file__}")
    path.write_text(text.replace(mutant.before, mutant.after), "utf-8")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.tests],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder / "src")},
            capture_output=True,
            check=False,
        )
    finally:
        path.write_text(text, "utf-8")
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return done.returncode == 1


def main() -> int:
    """Run the mutants whose file contains the argument, and print the score."""
    wanted = [mutant for mutant in MUTANTS if "".join(sys.argv[1:]) in mutant.file]
    killed = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, symlinks=True)
            else:
                shutil.copy(source, folder / name)
        for mutant in wanted:
            dead = is_killed(mutant, folder)
            killed += dead
            state = "killed  " if dead else "SURVIVED"
            print(f"{state} {mutant.file}: {mutant.what}", flush=True)
    print(f"{killed} of {len(wanted)} mutants were killed")
    return int(killed < len(wanted))


if __name__ == "__main__":
    sys.exit(main())
