# pyright: basic
"""Networks that were searched for, in AutoGluon's leaderboard beside what it has by itself.

    python examples/autogluon_tables.py     # writes docs/autogluon_measured.md

Two tables that scikit-learn ships, and a larger synthetic one of seven classes, as Covertype is. A
search un-bagged, then AutoGluon's own models and the best networks together. The test rows are
looked at once, in the end; the order of the leaderboard is that of the test score.
"""

import argparse
import platform
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


def synthetic(rows: int) -> pandas.DataFrame:
    """Return a table of 54 columns and seven classes, of which each has two clusters."""
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


def tables(rows: int) -> dict[str, pandas.DataFrame]:
    """Return the tables by name."""
    cancer: Any = load_breast_cancer(as_frame=True)
    diabetes: Any = load_diabetes(as_frame=True)
    return {
        "breast cancer": cancer.frame,
        "diabetes": diabetes.frame,
        "synthetic": synthetic(rows),
    }


def compared(table: pandas.DataFrame, trials: int, epochs: int, seed: int) -> pandas.DataFrame:
    """Search and fit on three quarters of a table, and return the leaderboard on the others."""
    split: Any = train_test_split(table, test_size=0.25, random_state=seed)
    train, test = split
    space = library.tabular()
    strategy = BayesianOptimization(initial=max(trials // 4, 3))
    ours = nas_hyperparameters(space, strategy, trials, keep=3, epochs=epochs, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        predictor: Any = TabularPredictor("target", path=folder, verbosity=1)
        predictor.fit(train, hyperparameters={**OTHERS, **ours})
        history = load(predictor)
        print(f"{len(history.of_state('complete'))} of {len(history)} trials are complete")
        print(f"the best: {history.best.architecture}")
        columns = ["model", "score_test", "score_val", "fit_time", "pred_time_test"]
        board: pandas.DataFrame = predictor.leaderboard(test)[columns]
    return board


def markdown(name: str, table: pandas.DataFrame, board: pandas.DataFrame, seconds: float) -> str:
    """Return a leaderboard as a table of Markdown."""
    rows = [
        f"| {place} | {model} | {test:.4f} | {val:.4f} | {fit:.1f} | {1000 * predict:.0f} |"
        for place, (model, test, val, fit, predict) in enumerate(
            board.itertuples(index=False, name=None), 1
        )
    ]
    head = ["place", "model", "test score", "validation score", "fit s", "predict ms"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *rows]
    title = f"## {name.capitalize()}: {len(table)} rows, {table.shape[1] - 1} columns"
    return "\n".join([title, "", *lines, "", f"All of it took {seconds:.0f} s."])


def main() -> None:
    """Compare on each table, print, and write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rows", type=int, default=3000, help="of the synthetic table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="the name of one table; writes nothing")
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "docs" / "autogluon_measured.md"
    )
    arguments = parser.parse_args()
    parts: list[str] = []
    for name, table in tables(arguments.rows).items():
        if arguments.only in ("", name):
            began = time.monotonic()
            board = compared(table, arguments.trials, arguments.epochs, arguments.seed)
            parts.append(markdown(name, table, board, time.monotonic() - began))
            print(parts[-1], flush=True)
    if arguments.only:
        return
    import keras  # by now AutoGluon has it

    measured = "\n\n".join(parts)
    arguments.output.write_text(
        f"""# Searched networks in AutoGluon's leaderboard

`KerasModel/T1`, `T2`, ... are the three best of {arguments.trials} networks of
`library.tabular()`, of at most {arguments.epochs} epochs; all others are AutoGluon's, with their
defaults. A quarter of the rows is for testing; scores are AutoGluon's, higher is better. One
split, one seed: a place more or less says little. `fit s` of one network is without the search.

{measured}

Made by `python examples/autogluon_tables.py`; AutoGluon {version("autogluon.tabular")}, Python
{platform.python_version()}, Keras {keras.__version__} with {keras.backend.backend()}, two cores.
""",
        "utf-8",
    )


if __name__ == "__main__":
    main()
