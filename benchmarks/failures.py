"""Problems in which trials fail: how often strategies fail, and what they find.

python benchmarks/failures.py                    # writes docs/benchmarks/failures.md
python benchmarks/failures.py --only BayesianOptimization --seeds 3 --print
"""

import argparse
import math
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy

from nasbridge import (
    Architecture,
    Bananas,
    BayesianOptimization,
    Chain,
    Choice,
    Integer,
    LocalSearch,
    PolicyGradient,
    RandomSearch,
    Real,
    RegularizedEvolution,
    Repeat,
    Space,
    Trial,
    layer,
    strategies,
)
from nasbridge.spaces import SearchSpace
from nasbridge.strategies import Search, Strategy

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "failures.md"
LAST = 20  # trials at the end whose failures are counted


@dataclass(frozen=True)
class Problem:
    """A problem in which trials fail.

    Attributes:
        space: The space.
        value: The value of an architecture that does not fail; larger is better.
        chance: The probability that its trial fails.
        best: The largest value that can be reached.
    """

    space: SearchSpace
    value: Callable[[Architecture], float]
    chance: Callable[[Architecture], float]
    best: float


def boundary() -> Problem:
    """Everything beyond 600 units in all fails, and more units are better."""
    space = Space({"units": Integer(1, 256), "layers": Integer(1, 12)})

    def size(a: Architecture) -> float:
        return float(a["units"]) * float(a["layers"])

    return Problem(space, lambda a: size(a) / 600, lambda a: float(size(a) > 600), 1.0)


def bad_options() -> Problem:
    """Two of six operations fail."""
    scores = {"a": 0.5, "b": 0.3, "c": 1.0, "d": 0.7, "e": 0.9, "f": 0.6}
    space = Space(
        {
            "op": Choice(list(scores)),
            "activation": Choice(["relu", "elu", "swish", "tanh"]),
            "units": Integer(8, 256, log=True),
            "rate": Real(1e-4, 1e-1, log=True),
        }
    )

    def value(a: Architecture) -> float:
        away = abs(math.log10(a["rate"]) + 2.5) + abs(math.log2(a["units"]) - 6) / 4
        return scores[a["op"]] + 0.1 * (a["activation"] == "swish") - 0.3 * away

    return Problem(space, value, lambda a: float(a["op"] in "ce"), 0.8)


def memory_cliff() -> Problem:
    """Deep and wide networks are better, until they do not fit."""
    unit = Chain(
        layer("Conv2D", filters=Choice([16, 32, 64, 128]), kernel_size=Choice([3, 5])),
        layer("ReLU"),
    )
    space = Repeat(unit, times=Integer(1, 8, name="depth"))
    limit = 500

    def memory(a: Architecture) -> float:
        return sum(v for name, v in a.items() if name.endswith("filters"))

    def value(a: Architecture) -> float:
        kernels = [v for name, v in a.items() if name.endswith("kernel_size")]
        return memory(a) / limit + 0.2 * kernels.count(5) / len(kernels)

    return Problem(space, value, lambda a: float(memory(a) > limit), 496 / limit + 0.2)


def bad_region() -> Problem:
    """In a quarter of the space, which begins at the best point, 80 % of the trials fail."""
    space = Space({"x": Real(0, 1), "y": Real(0, 1), "kind": Choice(["p", "q", "r"])})
    return Problem(space, _hill, lambda a: 0.8 * (a["x"] > 0.5 and a["y"] > 0.5), 1.0)


def at_random() -> Problem:
    """Of all trials, 30 % fail, wherever they are."""
    space = Space({"x": Real(0, 1), "y": Real(0, 1), "kind": Choice(["p", "q", "r"])})
    return Problem(space, _hill, lambda a: 0.3, 1.0)


def _hill(a: Architecture) -> float:
    return 1 - math.hypot(a["x"] - 0.5, a["y"] - 0.5) - 0.2 * (a["kind"] != "q")


PROBLEMS = {
    "boundary": boundary,
    "two bad options": bad_options,
    "memory cliff": memory_cliff,
    "region of 80 %": bad_region,
    "at random, 30 %": at_random,
}


@dataclass(frozen=True)
class Ignoring(Strategy[Any]):
    """A strategy that is not told of failed trials."""

    strategy: Strategy[Any]

    @property
    def avoids_failures(self) -> bool:
        return False

    def start(self, problem: strategies.Problem) -> Any:
        return self.strategy.start(problem)

    def propose(self, state: Any, rng: numpy.random.Generator) -> Iterator[Architecture]:
        return self.strategy.propose(state, rng)

    def observe(self, state: Any, trial: Trial) -> Any:
        return state if trial.state == "failed" else self.strategy.observe(state, trial)


STRATEGIES: dict[str, Strategy[Any]] = {
    "RandomSearch": RandomSearch(),
    "BayesianOptimization": BayesianOptimization(),
    "BayesianOptimization, failures ignored": Ignoring(BayesianOptimization()),
    "Bananas": Bananas(),
    "Bananas, failures ignored": Ignoring(Bananas()),
    "RegularizedEvolution": RegularizedEvolution(population=20, sample=5),
    "LocalSearch": LocalSearch(),
    "PolicyGradient": PolicyGradient(),
}


def measure(
    problem: Problem, strategy: Strategy[Any], seed: int, trials: int
) -> tuple[int, int, float]:
    """Return the failures among the last trials and among all, and the regret."""
    search = Search(strategy, problem.space, {"value": "max"}, seed)
    failed, best = list[bool](), -math.inf
    for number in range(trials):
        architecture = search.ask(number)
        rng = numpy.random.default_rng([seed, number])
        failed.append(bool(rng.random() < problem.chance(architecture)))
        if failed[-1]:
            search.tell(Trial(number, architecture, "failed"))
            continue
        value = problem.value(architecture)
        best = max(best, value)
        search.tell(Trial(number, architecture, "complete", {"value": value}))
    return sum(failed[-LAST:]), sum(failed), problem.best - best


def row(name: str, problem: Problem, seeds: int, trials: int) -> str:
    """Return the row of a strategy."""
    found = [measure(problem, STRATEGIES[name], seed, trials) for seed in range(seeds)]
    last, failed, regret = (numpy.array(column, dtype=float) for column in zip(*found, strict=True))
    return f"| {name} | {_mean(last, 1)} | {_mean(failed, 1)} | {_mean(regret, 4)} |"


def _mean(values: numpy.ndarray, digits: int) -> str:
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else math.nan
    return f"{values.mean():.{digits}f} ± {error:.{digits}f}"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Problems in which trials fail")
    parser.add_argument("--only", choices=STRATEGIES, help="one strategy")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--print", action="store_true", help="write no page")
    given = parser.parse_args()
    parts: list[str] = []
    for title, make in PROBLEMS.items():
        problem = make()
        about = (make.__doc__ or "").strip()
        rows: list[str] = []
        print(f"{title}: {about}", flush=True)
        for name in [given.only] if given.only else STRATEGIES:
            rows.append(row(name, problem, given.seeds, given.trials))
            print(rows[-1], flush=True)
        parts.append(
            f"## {title.capitalize()}\n\n{about}\n\n"
            f"| strategy | failed of the last {LAST} | failed of {given.trials} | regret |\n"
            f"| --- | ---: | ---: | ---: |\n" + "\n".join(rows)
        )
    if given.print:
        return
    text = f"""# Failing trials

How strategies deal with trials that fail: {given.trials} trials, {given.seeds} seeds, mean ±
standard error. The regret is the difference between the best possible value and the best one found.
Random search shows how many trials fail without learning. "Failures ignored" is the same strategy,
which is not told of failed trials.

Where the best architectures lie at the edge of what fails, `BayesianOptimization` and `Bananas`
fail more often than random search at first, because they look for the edge; later they fail less.
`RegularizedEvolution` on the memory cliff does not fail less often than random search.

{(chr(10) * 2).join(parts)}

Made by `python benchmarks/failures.py --trials {given.trials} --seeds {given.seeds}`; Python
{platform.python_version()}, numpy {version("numpy")}.
"""
    OUTPUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
