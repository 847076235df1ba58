# pyright: basic
"""Median rules on learning curves: the cost that they save, and the quality that they lose.

    python benchmarks/pruners.py --data FOLDER       # writes docs/benchmarks/pruners.md

The folder holds `taskset_rnn_curves.npz`: for each task an array `*_valid` of validation losses,
shape (configurations, checkpoints), with NaN where a training diverged. A search runs random
configurations one after the other, and each pruner sees the same ones. A diverged training fails.
"""

import argparse
import math
import platform
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy
import optuna
from ray.tune.schedulers import MedianStoppingRule, TrialScheduler

from nasbridge import Choice, MedianAtStepPruner, MedianPruner, Space, Trial
from nasbridge.strategies import Pruner, Step, objectives_from

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "pruners.md"
ARCHITECTURE = Space({"a": Choice([0])}).architecture({"a": 0})
OBJECTIVES = objectives_from({"loss": "min"})
STARTUP = 5

Run = Callable[[Iterable[list[float]]], list[list[float]]]
"""Runs curves one after the other and returns what each reached."""


def ours(pruner: Pruner) -> Run:
    """Return the run of a pruner of nasbridge."""

    def run(curves: Iterable[list[float]]) -> list[list[float]]:
        done: list[Trial] = []
        for number, curve in enumerate(curves):
            steps: tuple[Step, ...] = ()
            state = "complete"
            for step, loss in enumerate(curve, 1):
                steps = (*steps, Step(step, {"loss": loss}))
                if not math.isfinite(loss):
                    state = "failed"
                    break
                trial = Trial(number, ARCHITECTURE, curve=steps)
                if pruner.should_stop(trial, done, OBJECTIVES):
                    state = "pruned"
                    break
            done.append(Trial(number, ARCHITECTURE, state, curve=steps))  # type: ignore[arg-type]
        return [[step.metrics["loss"] for step in trial.curve] for trial in done]

    return run


def of_optuna(curves: Iterable[list[float]]) -> list[list[float]]:
    """Run Optuna's MedianPruner."""
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=0)
    study = optuna.create_study(pruner=pruner)
    reached: list[list[float]] = []
    for curve in curves:
        trial, losses, state = study.ask(), list[float](), optuna.trial.TrialState.COMPLETE
        for step, loss in enumerate(curve, 1):
            losses.append(loss)
            if not math.isfinite(loss):
                state = optuna.trial.TrialState.FAIL
                break
            trial.report(loss, step)
            if trial.should_prune():
                state = optuna.trial.TrialState.PRUNED
                break
        value = losses[-1] if state == optuna.trial.TrialState.COMPLETE else None
        study.tell(trial, value, state=state)
        reached.append(losses)
    return reached


def of_ray(curves: Iterable[list[float]]) -> list[list[float]]:
    """Run Ray Tune's MedianStoppingRule."""
    rule = MedianStoppingRule(
        "training_iteration", "loss", "min", grace_period=1, min_samples_required=STARTUP
    )
    controller = SimpleNamespace(get_live_trials=list)
    reached: list[list[float]] = []
    for number, curve in enumerate(curves):
        trial, losses = SimpleNamespace(trial_id=str(number)), list[float]()
        result = {"training_iteration": 0, "loss": math.nan}
        for step, loss in enumerate(curve, 1):
            losses.append(loss)
            if not math.isfinite(loss):
                break
            result = {"training_iteration": step, "loss": loss}
            if rule.on_trial_result(controller, _Hashed(trial), result) == TrialScheduler.STOP:
                break
        else:
            rule.on_trial_complete(controller, _Hashed(trial), result)
        reached.append(losses)
    return reached


class _Hashed:
    """A trial as the rule of Ray sees it: a key."""

    def __init__(self, trial: SimpleNamespace) -> None:
        self.trial_id = trial.trial_id

    def __hash__(self) -> int:
        return hash(self.trial_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self.trial_id == other.trial_id


RULES: dict[str, Run] = {
    "`MedianPruner` (Golovin et al. 2017)": ours(MedianPruner(STARTUP)),
    "`MedianAtStepPruner`": ours(MedianAtStepPruner(STARTUP)),
    "`optuna.pruners.MedianPruner`": of_optuna,
    "`ray.tune.schedulers.MedianStoppingRule`": of_ray,
}


def measure(run: Run, curves: numpy.ndarray) -> tuple[float, float, float]:
    """Return the saved share, the best final loss without a pruner, and the best one with it."""
    whole = [list(map(float, curve)) for curve in curves]
    steps = sum(map(len, run_without(whole)))
    reached = run(whole)
    final = [curve[-1] for curve in run_without(whole) if len(curve) == curves.shape[1]]
    kept = [c[-1] for c in reached if len(c) == curves.shape[1] and math.isfinite(c[-1])]
    best, found = min(v for v in final if math.isfinite(v)), min(kept)
    return 1 - sum(map(len, reached)) / steps, best, found


def run_without(curves: list[list[float]]) -> list[list[float]]:
    """Run without a pruner: only diverged trainings end early."""
    ends = ([k for k, v in enumerate(c) if not math.isfinite(v)] for c in curves)
    return [c[: end[0] + 1] if end else c for c, end in zip(curves, ends, strict=True)]


def row(name: str, tasks: dict[str, numpy.ndarray], trials: int, seeds: int) -> str:
    """Return the row of a rule."""
    saved, lost, same = list[float](), list[float](), 0
    for curves in tasks.values():
        finals = numpy.sort(curves[:, -1][numpy.isfinite(curves[:, -1])])
        for seed in range(seeds):
            chosen = numpy.random.default_rng(seed).permutation(len(curves))[:trials]
            share, best, found = measure(RULES[name], curves[chosen])
            saved.append(100 * share)
            between = numpy.searchsorted(finals, [best, found])
            lost.append(100 * float(between[1] - between[0]) / len(finals))
            same += found == best
    runs = len(saved)
    return (
        f"| {name} | {numpy.mean(saved):.1f} | {numpy.mean(lost):.2f} ± "
        f"{numpy.std(lost, ddof=1) / runs**0.5:.2f} | {100 * same / runs:.0f} |"
    )


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Median rules on learning curves")
    parser.add_argument("--data", type=Path, required=True, help="folder of the curves")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with numpy.load(given.data / "taskset_rnn_curves.npz", allow_pickle=False) as data:
        tasks = {name: data[name].astype(float) for name in data.files if name.endswith("_valid")}
    rows = []
    for name in RULES:
        rows.append(row(name, tasks, given.trials, given.seeds))
        print(rows[-1], flush=True)
    text = f"""# Median rules

Learning curves of {len(tasks)} tasks of TaskSet (recurrent networks on text, validation loss at 51
checkpoints, 1,000 configurations of the optimizer each). A search runs {given.trials} random
configurations one after the other, with {given.seeds} seeds for each task, and every rule sees the
same ones from the first checkpoint on and starts after {STARTUP} trials.

- saved: share of the checkpoints that are not trained, in percent
- lost: how many configurations of the task, in percent, lie between the best result without a
  pruner and the best one that completed with it, mean ± standard error
- kept: share of the searches whose best configuration completed, in percent

| rule | saved | lost | kept |
| --- | ---: | ---: | ---: |
{chr(10).join(rows)}

Made by `python benchmarks/pruners.py --data FOLDER --trials {given.trials} --seeds {given.seeds}`;
Python {platform.python_version()}, numpy {version("numpy")}, Optuna {version("optuna")}, Ray
{version("ray")}.
"""
    OUTPUT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
