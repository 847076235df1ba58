"""Invalid input raises an error of nasbridge that states what is wrong, which, and how to fix it.

Each row of a table is a mistake and a pattern of the message.
"""

import builtins
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest

from nasbridge import (
    Architecture,
    Chain,
    Choice,
    Experiment,
    GridSearch,
    History,
    Integer,
    MedianPruner,
    MissingExtra,
    NasbridgeError,
    RandomSearch,
    Real,
    RegularizedEvolution,
    Search,
    Space,
    from_json,
    layer,
    testing,
)
from nasbridge.adapters import backend
from nasbridge.engine import Silent
from nasbridge.testing import evaluate

SPACE = Space({"units": Choice([16, 32]), "rate": Real(1e-4, 1e-1, log=True)})
DENSE = layer("Dense", units=Choice([4, 8], name="units"))
OP: dict[str, object] = {"op.0.conv.kernel_size": "3"}
AIR = "unix:///nowhere"
NOWHERE = Path("/proc/self/nowhere")  # not writable, not even for root


def experiment(space: Any = SPACE, **settings: Any) -> Experiment:
    standard: dict[str, Any] = {
        "evaluate": evaluate,
        "objectives": {"score": "max"},
        "strategy": RandomSearch(),
        "trials": 3,
    }
    return Experiment(space, **standard | settings)


def run(directory: Path | None = None, name: Any = "local", jobs: Any = 0, **given: Any) -> Any:
    """Run an experiment; names in `SETTINGS` are settings, others are options of the backend."""
    settings = {key: given.pop(key) for key in list(given) if key in SETTINGS}
    return experiment(**settings).run(name, directory, jobs, Silent(), **given)


SETTINGS = {"space", "evaluate", "objectives", "strategy", "trials", "seed", "pruner"} | {
    "max_failures"
}


def changed(document: str, **entries: Any) -> str:
    return json.dumps(json.loads(document) | entries)


def file(directory: Path, text: str | bytes) -> Path:
    path = directory / "history.jsonl"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def damaged(directory: Path, line: int, text: str) -> Path:
    run(directory)
    path = directory / "history.jsonl"
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    return file(directory, "\n".join(lines) + "\n")


def without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Make a library appear not to be installed."""
    real = builtins.__import__

    def missing(name: str, *arguments: Any) -> Any:
        if name.split(".")[0] == library and arguments[-1] == 0:  # an absolute import
            raise ModuleNotFoundError(f"No module named {library!r}", name=library)
        return real(name, *arguments)

    for name in [n for n in sys.modules if n.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", missing)


@dataclass(frozen=True)
class Bad:
    """A mistake, and what the message must match."""

    what: str
    do: Callable[[Path], object]
    pattern: str


SPACES: list[Bad] = [
    Bad("no options", lambda p: Choice([]), "no options.*at least one"),
    Bad(
        "options that look alike", lambda p: Choice([1, "1"]), "label '1'.*dict with distinct keys"
    ),
    Bad("an empty range", lambda p: Integer(5, 2), r"\[5, 2\] is empty: swap"),
    Bad("a logarithm of zero", lambda p: Real(0, 1, log=True), "start above 0.*raise low"),
    Bad("no end", lambda p: Real(0, math.inf), "high.*finite"),
    Bad("a float as an integer", lambda p: Integer(1, 2.5), "high.*2.5: give an int"),  # type: ignore[arg-type]
    Bad("a step of nothing", lambda p: Integer(1, 5, step=0), "step.*0: give at least 1"),
    Bad("an empty space", lambda p: Space({}), "dict from names to open values, or a network"),
    Bad("a name with dots", lambda p: layer("Dense", name="a.b"), "name 'a.b'.*letters"),
    Bad(
        "one name twice",
        lambda p: Space({"net": Chain(DENSE, layer("Dense", units=Choice([1, 2], name="units")))}),
        "two different decisions have the name 'units'.*another name=",
    ),
    Bad("a space in a space", lambda p: Space({"a": SPACE}), "'a' is a Space: use its parts"),
    Bad("a value outside", lambda p: member(units=17, rate=0.01), "'units' cannot be 17.*'16'"),
    Bad("a missing value", lambda p: member(units=16), "'rate' is missing: give a number from"),
    Bad("a foreign name", lambda p: member(units=16, rate=0.01, unit=1), "no decision 'unit'.*did"),
    Bad("no mapping", lambda p: SPACE.architecture([1]), r"needs a dict.*\[1\]"),  # type: ignore[arg-type]
    Bad("no number", lambda p: member(units=16, rate=math.nan), "'rate' cannot be nan"),
    Bad(
        "an inactive value",
        lambda p: testing.chain().architecture({"width": 8, "depth": 1, "op.0": "skip"} | OP),
        "'op.0.conv.kernel_size' is not active here: omit it, or choose op.0 in",
    ),
    Bad(
        "an impossible constraint", lambda p: SPACE.where(never, "never"), "none of .*never.*relax"
    ),
    Bad(
        "a constraint that fails",
        lambda p: SPACE.where(broken),
        "'broken' failed on .*'nothing'.*must return True",
    ),
    Bad("a limit on nothing", lambda p: Space(DENSE).limit((4,)), "has no limit: give"),
    Bad("a limit too small", lambda p: Space(DENSE).limit((4,), parameters=1), "at most 1 param"),
    Bad("a network of values", lambda p: sampled().cost((4,)), "values only, no network"),
    Bad("a grid of reals", lambda p: next(SPACE.enumerate()), "cannot be listed.*points=5"),
]

DOCUMENTS: list[Bad] = [
    Bad("no JSON", lambda p: from_json("{ no"), "not the JSON of a space.*to_json"),
    Bad("other JSON", lambda p: from_json("[1]"), '"format" is not.*to_json'),
    Bad(
        "JSON of another version",
        lambda p: from_json(changed(SPACE.to_json(), version=9)),
        "version 9, and this nasbridge reads version 1",
    ),
    Bad("half a document", lambda p: from_json(SPACE.to_json()[:-9]), "not the JSON of a space"),
    Bad(
        "a hostile document",
        lambda p: from_json(changed(SPACE.to_json(), space={"kind": "os.system"})),
        "the space has the unknown kind 'os.system'",
    ),
    Bad(
        "a document without end",
        lambda p: from_json('{"a":' * 100_000),
        "not the JSON of a space|nested too deeply",
    ),
    Bad(
        "functions in JSON",
        lambda p: SPACE.where(always).to_json(),
        "cannot be written as JSON.*limit",
    ),
]

EXPERIMENTS: list[Bad] = [
    Bad(
        "no space", lambda p: experiment({"a": 1}), "space=.*is not a space: give a Space, a Chain"
    ),
    Bad("nothing to call", lambda p: experiment(evaluate=3), "evaluate=3 is not callable: give"),
    Bad("no objective", lambda p: experiment(objectives={}), "no objective.*objectives="),
    Bad("objectives as a text", lambda p: experiment(objectives="loss"), "'loss': give metrics w"),
    Bad("objectives as a list", lambda p: experiment(objectives=["loss"]), r"\['loss'\]: give met"),
    Bad(
        "a direction",
        lambda p: experiment(objectives={"a": "up"}),
        """direction 'up' of .* 'a': give "max" """,
    ),
    Bad(
        "a metric",
        lambda p: experiment(objectives={3: "max"}),
        "invalid metric 3 of an objective: give its name",
    ),
    Bad(
        "no brackets",
        lambda p: experiment(strategy=RandomSearch),
        "not a strategy.*with its parentheses",
    ),
    Bad(
        "a strategy by name", lambda p: experiment(strategy="random"), "'random' is not a strategy"
    ),
    Bad(
        "trials as a text", lambda p: experiment(trials="3"), "trials='3': give an int of at least"
    ),
    Bad("no trials", lambda p: experiment(trials=0), "trials=0: give an int of at least 1"),
    Bad("half a trial", lambda p: experiment(trials=2.5), "trials=2.5: give an int"),
    Bad("truth as a number", lambda p: experiment(trials=True), "trials=True: give an int"),
    Bad("no end at all", lambda p: experiment(trials=None), "trials and seconds are both None"),
    Bad(
        "time going back", lambda p: experiment(seconds=-1), "seconds=-1: give a number of at leas"
    ),
    Bad("no time", lambda p: experiment(seconds=math.nan), "seconds=nan: give a number"),
    Bad("a seed as a text", lambda p: experiment(seed="x"), "seed='x': give an int"),
    Bad("no seed", lambda p: experiment(seed=None), "seed=None: give an int"),
    Bad("failures", lambda p: experiment(max_failures=0), "max_failures=0: give an int of at leas"),
    Bad("a trial's time", lambda p: experiment(trial_seconds="1 h"), "trial_seconds='1 h': give a"),
    Bad("a budget", lambda p: experiment(budget=-3), "budget=-3: give a number of at least 0"),
    Bad("a pruner", lambda p: experiment(pruner="median"), "pruner='median'.*MedianPruner"),
    Bad("an empty population", lambda p: RegularizedEvolution(0), "population=0.*at least 1"),
    Bad("a grid of no points", lambda p: GridSearch(points=0), "points=0.*at least 1"),
    Bad("a grid of reals", lambda p: run(strategy=GridSearch()), "cannot be listed.*points=5"),
    Bad(
        "a pruner's settings",
        lambda p: MedianPruner(startup=0),
        "startup=0 of MedianPruner: give an int of at least 1",
    ),
    Bad(
        "a finished trial",
        lambda p: after_a_trial().ask(0),
        "trial 0 has finished: ask for another number",
    ),
]

RUNS: list[Bad] = [
    Bad("a backend", lambda p: run(name="hyperopt"), "no backend 'hyperopt': take one of .*optuna"),
    Bad("a misspelt backend", lambda p: run(name="optunna"), "'optunna': did you mean 'optuna'"),
    Bad("no backend", lambda p: run(name=None), "no backend None: take one of"),
    Bad("workers", lambda p: run(jobs=-1), "jobs=-1: give 0 for this process, or a number"),
    Bad("workers as a text", lambda p: run(jobs="2"), "jobs='2': give 0"),
    Bad("an option", lambda p: run(p, depth=3), "'local' has no option 'depth': it has none"),
    Bad("an option, Optuna", lambda p: run(p, "optuna", depth=3), "no option 'depth': it has stor"),
    Bad(
        "a local function", lambda p: run(jobs=2, evaluate=local()), "top level of a module.*jobs=0"
    ),
    Bad("a file as a directory", lambda p: run(file(p, "")), "cannot be written .*another dir"),
    Bad("a file, Optuna", lambda p: run(file(p, ""), "optuna"), "cannot be written to .*another d"),
    Bad("no place", lambda p: run(NOWHERE), "nowhere.* cannot be written .*another directory"),
    Bad("no place, Optuna", lambda p: run(NOWHERE, "optuna"), "nowhere cannot be written to"),
    Bad(
        "always failing",
        lambda p: run(evaluate=testing.evaluate_never, max_failures=2),
        "fix evaluate",
    ),
    Bad(
        "another experiment",
        lambda p: [run(p, seed=1), run(p, seed=2)],
        "seed 1, not 2; continue it with the same settings, or use another directory",
    ),
    Bad(
        "another experiment, Optuna",
        lambda p: [run(p, "optuna", seed=1), run(p, "optuna", seed=2)],
        "seed.* 1, not 2; continue it with the same settings, or use another",
    ),
    Bad("another backend", lambda p: [run(p), run(p, "optuna")], "'local'.*another directory"),
    Bad("a storage", lambda p: run(p, "optuna", storage="nonsense"), "opened in nonsense.*check"),
    Bad(
        "a storage", lambda p: run(p, "optuna", storage=AIR), "cannot be opened in unix:///nowhere"
    ),
    Bad(
        "a storage that is not there",
        lambda p: run(None, "optuna", storage=f"sqlite:///{p}/no/where.db"),
        "where.db cannot be opened .*and that it is writable",
    ),
    Bad(
        "a storage that is none",
        lambda p: run(None, "optuna", storage=f"sqlite:///{file(p, 'text' * 999)}"),
        "history.jsonl cannot be opened .*not a database",
    ),
    Bad(
        "a pruner, Optuna",
        lambda p: experiment().run("optuna", pruner="worst"),
        "unknown pruner 'worst'.*medi",
    ),
]

HISTORIES: list[Bad] = [
    Bad("no history", lambda p: History.load(p / "none"), "none cannot be read .*check the path"),
    Bad("an empty history", lambda p: History.load(file(p, "")), "line 1: not a header"),
    Bad("bytes", lambda p: History.load(file(p, b"\xff\xfe\0\n")), "line 1: invalid JSON"),
    Bad(
        "damage", lambda p: History.load(damaged(p, 3, "{")), "history.jsonl, line 3: invalid JSON"
    ),
    Bad("damage, going on", lambda p: [damaged(p, 3, "{"), run(p)], "line 3: invalid JSON"),
    Bad("no run", lambda p: backend("local").load(p), "history.jsonl cannot be read"),
    Bad(
        "no study",
        lambda p: backend("optuna").load(p),
        "holds no study, because it has no study.db",
    ),
    Bad(
        "a study that is not there",
        lambda p: backend("optuna").load(f"sqlite:///{p}/study.db"),
        "no study 'nasbridge' at sqlite:.*study_name=",
    ),
    Bad("a damaged note", lambda p: noted(p, "{"), r"run.json is damaged.*remove it"),
    Bad(
        "the best of none",
        lambda p: run(p, evaluate=testing.evaluate_never).best,
        "all 3 trials failed",
    ),
]

CASES = [*SPACES, *DOCUMENTS, *EXPERIMENTS, *RUNS, *HISTORIES]


def member(**values: Any) -> Architecture:
    return SPACE.architecture(values)


def sampled() -> Architecture:
    return SPACE.sample(numpy.random.default_rng(0))


def after_a_trial() -> Search:
    search = Search(RandomSearch(), SPACE, {"score": "max"})
    search.tell(next(iter(run())))
    return search


def noted(directory: Path, text: str) -> History:
    run(directory, "optuna")
    (directory / "run.json").write_text(text)
    return backend("optuna").load(directory)


def local() -> Callable[..., Mapping[str, float]]:
    def unreachable(architecture: object, trial: object) -> Mapping[str, float]:
        return {"score": 1.0}

    return unreachable


def never(architecture: Architecture) -> bool:
    return False


def always(architecture: Architecture) -> bool:
    return True


def broken(architecture: Architecture) -> bool:
    return bool(architecture["nothing"])


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.what)
def test_invalid_input_is_explained(bad: Bad, tmp_path: Path) -> None:
    with pytest.raises(NasbridgeError, match=f"(?s){bad.pattern}") as raised:
        bad.do(tmp_path)
    assert type(raised.value).__module__.startswith("nasbridge.")


@pytest.mark.parametrize(
    ("library", "use", "extra"),
    [
        ("optuna", lambda: run(name="optuna"), "optuna"),
        ("keras", lambda: architecture_of(DENSE).build((4,)), "tensorflow"),
        ("pandas", lambda: run().to_pandas(), "report"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    library: str, use: Callable[[], object], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tuple(f"nasbridge.{layer}.{library}" for layer in ("adapters", "spaces"))
    for name in [n for n in sys.modules if n.startswith(ours)]:
        monkeypatch.delitem(sys.modules, name)
    without(monkeypatch, library)
    with pytest.raises(MissingExtra, match=rf"needs {library}.*pip install 'nasbridge\[{extra}\]'"):
        use()


def architecture_of(network: Any) -> Architecture:
    space: Architecture = network.sample(numpy.random.default_rng(0))
    return space
