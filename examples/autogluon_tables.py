# pyright: basic
"""Compare searched networks with AutoGluon's own models in its leaderboard.

    python examples/autogluon_tables.py             # writes docs/benchmarks/autogluon_measured.md
    python examples/autogluon_tables.py --covertype # writes its last section only; 20 minutes

Four tables: two from scikit-learn, a larger synthetic one with seven classes, and a synthetic one
with the size and columns of Covertype. A search without bagging finds networks; the best of them
join AutoGluon's own models. The test rows are used once, at the end. The leaderboard is sorted by
test score.
"""

import argparse
import os
import platform
import resource
import shlex
import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pandas
from autogluon.tabular import TabularPredictor
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification
from sklearn.model_selection import train_test_split

from nasbridge import BayesianOptimization, library
from nasbridge.adapters.autogluon import load, nas_hyperparameters

REPOSITORY = Path(__file__).resolve().parent.parent
OTHERS: dict[Any, dict[str, Any]] = {"RF": {}, "XT": {}, "KNN": {}, "LR": {}}
if find_spec("torch"):
    OTHERS["NN_TORCH"] = {}
if find_spec("lightgbm"):
    OTHERS["GBM"] = {}
# By default (300 unlimited trees), AutoGluon skips forests on a table of 400,000 rows unless 32 GiB
# of memory are available.
LIGHTER = {name: {"n_estimators": 60, "min_samples_leaf": 5} for name in ("RF", "XT")}


def synthetic(rows: int) -> pandas.DataFrame:
    """Return a table of 54 columns and seven classes of two clusters each."""
    x, y = make_classification(
        rows,
        n_features=54,
        n_informative=12,
        n_redundant=8,
        n_classes=7,
        n_clusters_per_class=2,
        class_sep=1.2,
        flip_y=0.02,
        random_state=0,
    )
    return pandas.DataFrame(x).add_prefix("x").assign(target=y)


COVERTYPE = 581_012  # rows
SHARES = (
    36.5,
    48.8,
    6.2,
    0.5,
    1.6,
    3.0,
    3.5,
)  # of its seven classes, percent; a target for the synthetic ones
CUTS = 60  # steps in the class scores, each like a tree of depth 1
LARGE = "As large as Covertype"
LATENT = 5  # number of latent variables


def covertype_like(rows: int, seed: int) -> tuple[pandas.DataFrame, float]:
    """Return a table like Covertype, and the accuracy of an optimal classifier.

    Ten numeric columns, two one-hot groups of four and forty columns, and seven classes of unequal
    size. The class scores combine steps and waves over the columns, so that neither trees nor
    networks have an advantage.
    """
    rng = numpy.random.default_rng(seed)
    hidden = rng.normal(size=(rows, LATENT))
    numbers = hidden @ rng.normal(size=(LATENT, 10)) / 2 + rng.normal(size=(rows, 10)) / 2
    areas = _drawn(hidden @ rng.normal(size=(LATENT, 4)), rng)
    soils = _drawn(hidden @ rng.normal(size=(LATENT, 40)), rng)
    scores = rng.normal(size=(4, 7))[areas] + rng.normal(size=(40, 7))[soils]
    for cut in rng.normal(size=CUTS):
        scores += (numbers[:, rng.integers(10)] > cut)[:, None] * rng.normal(size=7) / 2
    scores += numpy.sin(numbers @ rng.normal(size=(10, 14)) / 3) @ rng.normal(size=(14, 7))
    scores += numpy.log(SHARES) - scores.mean(axis=0)
    made = pandas.DataFrame(numbers.astype("float32")).add_prefix("number_")
    for name, codes, count in (("area", areas, 4), ("soil", soils, 40)):
        for k in range(count):
            made[f"{name}_{k}"] = (codes == k).astype("int8")
    made["target"] = _drawn(2 * scores, rng)
    return made, float((scores.argmax(axis=1) == made["target"]).mean())


def _drawn(scores: Any, rng: numpy.random.Generator) -> Any:
    """Draw one option per row, with the softmax of the scores as probabilities."""
    return (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)


def tables(rows: int) -> dict[str, pandas.DataFrame]:
    """Return the tables by name."""
    cancer: Any = load_breast_cancer(as_frame=True)
    diabetes: Any = load_diabetes(as_frame=True)
    return {
        "breast cancer": cancer.frame,
        "diabetes": diabetes.frame,
        "synthetic": synthetic(rows),
    }


def compared(
    table: pandas.DataFrame, trials: int, epochs: int, seed: int, time_limit: float | None = None
) -> pandas.DataFrame:
    """Search and fit on three quarters of a table, and return the leaderboard on the rest.

    A time limit is divided equally between the search and AutoGluon's own models, and each half
    equally between its networks or models. (A single `fit` would give the search only as much time
    as one model.) Nearest neighbours are then omitted because of their quadratic cost.
    """
    split: Any = train_test_split(table, test_size=0.25, random_state=seed)
    train, test = split
    space = library.tabular()
    strategy = BayesianOptimization(initial=max(trials // 4, 3))
    ours = nas_hyperparameters(
        space,
        trials,
        strategy=strategy,
        keep=3,
        epochs=epochs,
        seed=seed,
        trial_seconds=time_limit and time_limit / 2 / trials,
    )
    with tempfile.TemporaryDirectory() as folder:
        predictor: Any = TabularPredictor("target", path=folder, verbosity=1)
        if time_limit is None:
            predictor.fit(train, hyperparameters={**OTHERS, **ours})
        else:
            predictor.fit(train, hyperparameters=ours, time_limit=time_limit / 2)
            predictor.fit_extra(lighter(time_limit / 2), time_limit=time_limit / 2)
        history = load(predictor)
        print(f"{len(history.of_state('complete'))} of {len(history)} trials are complete")
        print(f"the best: {history.best.architecture}")
        columns = ["model", "score_test", "score_val", "fit_time", "pred_time_test"]
        board: pandas.DataFrame = predictor.leaderboard(test)[columns]
        board.attrs["missing"] = sorted(predictor.model_failures().get("model", ()))  # may be empty
    return board


def lighter(seconds: float) -> dict[Any, dict[str, Any]]:
    """Return AutoGluon's own models with settings for a large table and a time limit."""
    names = [name for name in OTHERS if name != "KNN"]
    most = {"ag_args_fit": {"max_time_limit": seconds / len(names)}}
    return {name: {**LIGHTER.get(name, {}), **most} for name in names}


def markdown(name: str, table: pandas.DataFrame, board: pandas.DataFrame, seconds: float) -> str:
    """Return a leaderboard as a Markdown section."""
    rows = [
        f"| {place} | {model} | {test:.4f} | {val:.4f} | {fit:.1f} | {1000 * predict:.0f} |"
        for place, (model, test, val, fit, predict) in enumerate(
            board.itertuples(index=False, name=None), 1
        )
    ]
    head = ["place", "model", "test score", "validation score", "fit s", "predict ms"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *rows]
    title = f"## {name}: {len(table)} rows, {table.shape[1] - 1} columns"
    return "\n".join([title, "", *lines, "", f"Total time: {seconds:.0f} s."])


def boosting() -> str:
    """Return a sentence on gradient boosting, which is often the best of AutoGluon's models."""
    if "GBM" in OTHERS:
        return "LightGBM is the only gradient boosting model; CatBoost and XGBoost were left out."
    return (
        "Gradient boosting (LightGBM, CatBoost, XGBoost) was not installed. AutoGluon includes it\n"
        "by default, and it is often the best model: the places are those among the listed models."
    )


def versions() -> str:
    """Return the versions of the libraries."""
    import keras  # AutoGluon has already imported it

    return (
        f"AutoGluon {version('autogluon.tabular')}, Python\n{platform.python_version()}, "
        f"Keras {keras.__version__} with {keras.backend.backend()}, two cores"
    )


def measure_covertype(arguments: argparse.Namespace) -> None:
    """Compare on the largest table, and write the last section of the page."""
    table, best = covertype_like(arguments.covertype, arguments.seed)
    began = time.monotonic()
    limit = arguments.time_limit
    board = compared(table, arguments.trials, arguments.epochs, arguments.seed, limit)
    seconds = time.monotonic() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    part = f"""{markdown(LARGE, table, board, seconds)}
Peak memory: {memory:.1f} GiB. Load average of the last 15 minutes: {os.getloadavg()[2]:.1f}.
`OMP_NUM_THREADS` was {os.environ.get("OMP_NUM_THREADS", "not set")}.

Missing: {", ".join(board.attrs["missing"]) or "none"}. AutoGluon
expected them to take longer than their share of the time, or had no time for an epoch. With more
time for these models, the places may differ. The validation set has about 1 % of the rows. It also
selects the best epoch of a network, so the validation scores of networks are too optimistic.

The table is synthetic (ten numeric columns, 44 binary columns, seven classes of unequal size) and
determined by the seed. The best possible accuracy, by the rule that generates it, is {best:.1%}.
The time limit of the fit is {limit:.0f} s. The search has half of it:
{limit / 2 / arguments.trials:.0f} s for each of {arguments.trials} networks.
AutoGluon's own models share the other half equally. Nearest neighbours are left out. Forests have
60 trees with 5 rows in a leaf, because AutoGluon skips them for lack of memory with its defaults.

Made by `{shlex.join(["python", "examples/autogluon_tables.py", *sys.argv[1:]])}`;
{versions()}.
"""
    print(part, flush=True)
    text = arguments.output.read_text("utf-8")
    head = text.partition(f"\n## {LARGE}")[0]
    arguments.output.write_text(f"{head.rstrip()}\n\n{part}", "utf-8")


def measure_all(arguments: argparse.Namespace) -> None:
    """Compare on the smaller tables, and write the page; its last section is kept."""
    parts: list[str] = []
    for name, table in tables(arguments.rows).items():
        if arguments.only in ("", name):
            began = time.monotonic()
            board = compared(table, arguments.trials, arguments.epochs, arguments.seed)
            parts.append(markdown(name.capitalize(), table, board, time.monotonic() - began))
            print(parts[-1], flush=True)
    if arguments.only:
        return
    measured = "\n\n".join(parts)
    before = arguments.output.read_text("utf-8") if arguments.output.exists() else ""
    _, title, large = before.partition(f"\n## {LARGE}")
    arguments.output.write_text(
        f"""# Searched networks in AutoGluon's leaderboards

Models named `KerasModel/T<trial>` are the three best of {arguments.trials} networks of
`library.tabular()`, with at most {arguments.epochs} epochs each. All other models are AutoGluon's,
with default settings. A quarter of the rows is the test set. The scores are AutoGluon's; higher is
better. Each table has one split and one seed, so small differences in place mean little. `fit s` of
a network does not include the search.
{boosting()} A search has {arguments.trials} networks,
except for the largest table (see its section): the tables show that a search works, not how good
its result can be.

{measured}

Made by `python examples/autogluon_tables.py`; {versions()}.
{title}{large}""",
        "utf-8",
    )


def main() -> None:
    """Compare on the selected tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--rows", type=int, default=3000, help="number of rows of the synthetic table"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="name of a single table; no page is written")
    parser.add_argument(
        "--covertype",
        type=int,
        nargs="?",
        const=COVERTYPE,
        help="number of rows of the largest table",
    )
    parser.add_argument("--time-limit", type=float, default=900, help="seconds, for --covertype")
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "docs" / "benchmarks" / "autogluon_measured.md"
    )
    arguments = parser.parse_args()
    if arguments.covertype is None:
        measure_all(arguments)
    else:
        measure_covertype(arguments)


if __name__ == "__main__":
    main()
