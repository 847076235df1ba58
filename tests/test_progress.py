"""The progress bar: its text, and that it fits the terminal."""

from io import StringIO

from rich.console import Console

from nasbridge import Experiment, History, Integer, RandomSearch, Space, Trial
from nasbridge.engine import ActiveTrial
from nasbridge.progress import ProgressBar, duration
from nasbridge.spaces import Architecture
from nasbridge.strategies.trial import TrialState

SPACE = Space({"x": Integer(0, 99)})

STATES: list[tuple[TrialState, float]] = [
    ("complete", 2.0),
    ("failed", 0.0),
    ("complete", 1.5),
    ("pruned", 0.5),
    ("running", 0.0),
]


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    raise AssertionError("nothing is run here")


def shown(experiment: Experiment, width: int = 100) -> str:
    """Return the bar after two earlier and two new trials, in a console of this width."""
    trials = [
        Trial(k, SPACE.architecture({"x": k}), state, {"loss": loss, "size": -loss})
        for k, (state, loss) in enumerate(STATES)
    ]
    bar = ProgressBar(experiment)
    bar.begun(History(SPACE, experiment.objectives, (*trials[:2], trials[-1])))
    for trial in trials[2:4]:
        bar.finished(trial)
    console = Console(width=width, file=StringIO())
    with console.capture() as capture:
        console.print(bar)
    return capture.get().rstrip("\n")


def test_the_bar_shows_progress_and_the_best_value() -> None:
    experiment = Experiment(SPACE, evaluate, {"loss": "min"}, RandomSearch(), trials=10)
    text = shown(experiment).split(maxsplit=1)[1]
    assert text == "4/10, best loss 1.5, about 0 s left, 1 pruned, 1 failed, 0 s"


def test_the_bar_shows_fronts_and_time_limits() -> None:
    objectives = {"loss": "min", "size": "min"}
    experiment = Experiment(SPACE, evaluate, objectives, RandomSearch(), None, seconds=7200)
    assert "4 trials, Pareto front of 2, about 2 h 0 min left, 1 pruned" in shown(experiment)


def test_no_time_is_left_at_the_end() -> None:
    experiment = Experiment(SPACE, evaluate, {"loss": "min"}, RandomSearch(), trials=4)
    assert "left" not in shown(experiment)


def test_the_bar_is_one_line_in_a_narrow_terminal() -> None:
    experiment = Experiment(SPACE, evaluate, {"loss": "min"}, RandomSearch(), trials=10)
    line = shown(experiment, 40)
    assert "\n" not in line
    assert len(line) <= 40


def test_durations_are_readable() -> None:
    seconds = [0.4, 59.6, 61, 3599, 3600, 90061]
    assert list(map(duration, seconds)) == [
        "0 s",
        "1 min 0 s",
        "1 min 1 s",
        "59 min 59 s",
        "1 h 0 min",
        "25 h 1 min",
    ]
