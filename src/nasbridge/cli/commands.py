"""The command line: `nasbridge run experiment.py`, and what goes with it.

Commands import what they need when they are called, so that `--help` is quick.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from .app import Commands, out

__all__ = ["app"]

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ExperimentFile = Annotated[
    Path, Argument(metavar="EXPERIMENT.py", help="The file that holds the experiment.")
]
Directory = Annotated[Path, Argument(metavar="DIRECTORY", help="The directory of a run.")]
Name = Annotated[
    str | None,
    Option(help="The variable that holds it, where the file has several.", show_default=False),
]
Jobs = Annotated[
    int | None,
    Option(help="Worker processes; 0 evaluates in this one.", show_default="as evaluate wants"),
]
Trials = Annotated[
    int | None, Option(help="Number of trials in all.", show_default="the experiment's")
]
Seconds = Annotated[
    float | None,
    Option(help="No trial begins after so many seconds.", show_default="the experiment's"),
]
BackendOptions = Annotated[
    list[str] | None,
    Option(
        "--option",
        metavar="KEY=VALUE",
        help="An option of the backend, as port=8080; `backends` lists them. May be repeated.",
        show_default=False,
    ),
]
Port = Annotated[
    int | None,
    Option(help="The port of the web UI.", show_default="a free one", min=1, max=65535),
]
Host = Annotated[
    str | None,
    Option(help="0.0.0.0 opens the web UI to all; it has no password.", show_default="here"),
]
SpaceFrom = Annotated[
    Path | None,
    Option(
        "--experiment",
        metavar="EXPERIMENT.py",
        help="The experiment's file, where the history does not say.",
        show_default=False,
    ),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        out.print(__version__)
        raise typer.Exit


@app.callback()
def _main(  # pyright: ignore[reportUnusedFunction]
    traceback: Annotated[
        bool, Option("--traceback", help="Show where an error came from; may stand anywhere.")
    ] = False,
    version: Annotated[
        bool,
        Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Neural architecture search, under the AutoML framework that you already use."""


def _given(**options: Any) -> dict[str, Any]:
    """Leave out what the user has not given."""
    return {name: value for name, value in options.items() if value is not None}


@app.command()
def run(
    file: ExperimentFile,
    backend: Annotated[
        str | None,
        Option(help="The framework that runs the trials; see `backends`.", show_default="local"),
    ] = None,
    directory: Annotated[
        Path | None,
        Option(help="Where all is stored.", show_default="runs/EXPERIMENT-BACKEND"),
    ] = None,
    trials: Trials = None,
    seconds: Seconds = None,
    seed: Annotated[
        int | None, Option(help="Fixes every proposal.", show_default="the experiment's")
    ] = None,
    jobs: Jobs = None,
    pruner: Annotated[
        str | None,
        Option(
            help="Stops bad trials early: median; with optuna also successive-halving, hyperband.",
            show_default="the experiment's",
        ),
    ] = None,
    option: BackendOptions = None,
    continue_from: Annotated[
        Path | None,
        Option(
            metavar="DIRECTORY|HISTORY",
            help="Begin with the trials of a run under any backend, and go on identically.",
            show_default=False,
        ),
    ] = None,
    name: Name = None,
) -> None:
    """Run the experiment in a file; in a directory that holds its run, continue that run.

    Ctrl-C stops it after what is being written, and `resume` continues identically.
    """
    from .run import start_run

    settings = _given(trials=trials, seconds=seconds, seed=seed, pruner=pruner)
    start_run(file, name, backend, directory, jobs, settings, option or [], continue_from)


@app.command()
def resume(
    directory: Directory,
    trials: Trials = None,
    seconds: Seconds = None,
    jobs: Jobs = None,
    option: BackendOptions = None,
) -> None:
    """Continue a run: with the same file, backend and options, except those given here."""
    from .run import resume_run

    resume_run(directory, jobs, _given(trials=trials, seconds=seconds), option or [])


@app.command()
def view(directory: Directory, port: Port = None, host: Host = None) -> None:
    """Open a run, or any stopped experiment of NNI, in NNI's web UI until Ctrl-C."""
    from .run import view_run

    view_run(directory, _given(port=port, host=host))


@app.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def nnictl(
    arguments: Annotated[
        list[str] | None,
        Argument(
            metavar="...", help="As for nnictl: create --config config.yml.", show_default=False
        ),
    ] = None,
) -> None:
    """NNI's own nnictl, mended: with any setuptools, on this machine only, no trial mistaken."""
    from .run import run_nnictl

    run_nnictl(arguments or [])


@app.command()
def report(
    source: Annotated[
        Path, Argument(metavar="DIRECTORY|HISTORY", help="A run's directory, or a history file.")
    ],
    output: Annotated[
        Path | None, Option(help="The page.", show_default="report.html, beside the history")
    ] = None,
    experiment: SpaceFrom = None,
) -> None:
    """Write a page on a run: what was found, how, and what mattered."""
    from .move import report_history

    report_history(source, output, experiment)


@app.command("export")
def export_(
    directory: Directory,
    file: Annotated[Path, Argument(metavar="FILE.jsonl", help="The history; a new file.")],
) -> None:
    """Write the history of a run as JSON Lines, from which every backend can go on."""
    from .move import export_run

    export_run(directory, file)


@app.command("import")
def import_(
    file: Annotated[Path, Argument(metavar="FILE.jsonl", help="A history.")],
    directory: Annotated[Path, Argument(metavar="DIRECTORY", help="A new directory.")],
    backend: Annotated[str, Option(help="The framework that is to go on.")],
    option: BackendOptions = None,
    experiment: SpaceFrom = None,
) -> None:
    """Begin a run with the history of another one; `resume` continues identically."""
    from .move import import_history

    import_history(file, directory, backend, experiment, option or [])


@app.command()
def space(
    file: Annotated[
        Path,
        Argument(metavar="EXPERIMENT.py|SPACE.json", help="A file that holds a space."),
    ],
    sample: Annotated[int, Option(help="Number of random architectures to show.", min=0)] = 1,
    seed: Annotated[int, Option(help="Seed of these.")] = 0,
    draw: Annotated[
        Path | None,
        Option(help="Draw the first of them, as .svg or .png.", show_default=False),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print the space as JSON instead.")] = False,
    name: Name = None,
) -> None:
    """Show a space: its decisions, how many architectures it has, and some of them."""
    from .space import show_space

    show_space(file, name, sample, seed, draw, as_json)


@app.command()
def backends() -> None:
    """Show which frameworks can run an experiment, and what each can do."""
    from .backends import show_backends

    show_backends()


Tables = Annotated[
    list[str],
    Argument(
        metavar="TABLE...",
        help="nb201-cifar10, nb201-cifar100, nb201-imagenet16; fcnet-naval, fcnet-parkinsons, "
        "fcnet-protein, fcnet-slice; nb201-hw.",
    ),
]
Methods = Annotated[
    list[str] | None,
    Option(
        "--method",
        metavar="NAME",
        help="A strategy, or a baseline as optuna.TPESampler; settings in round brackets, as "
        "'Bananas(initial=20)'. May be repeated.",
        show_default="all baselines, BayesianOptimization, RandomSearch, RegularizedEvolution",
    ),
]
Data = Annotated[
    Path | None,
    Option(
        help="A folder with nb201.npz and nb201_hw.npz: for nb201-hw, --protocol cost, and "
        "test accuracies.",
        show_default=False,
    ),
]


@app.command()
def bench(
    tables: Tables,
    methods: Methods = None,
    seeds: Annotated[int, Option(help="Number of seeds, the same for all.", min=1)] = 30,
    evaluations: Annotated[
        int | None, Option(help="Evaluations of a run.", show_default="200", min=1)
    ] = None,
    seconds: Annotated[
        float | None,
        Option(
            help="Simulated seconds of a run, with --protocol cost.",
            show_default="12,000 for CIFAR-10, others in proportion",
            min=1,
        ),
    ] = None,
    jobs: Annotated[int, Option(help="Worker processes; 0 runs all in this one.", min=0)] = 2,
    output: Annotated[Path, Option(help="Where results are, and are added to.")] = Path("bench"),
    data: Data = None,
    protocol: Annotated[
        str,
        Option(help="queries: final quality by evaluations; cost: short trainings, seconds count."),
    ] = "queries",
    document: Annotated[
        Path | None,
        Option(help="A Markdown file to bring up to date, too.", show_default=False),
    ] = None,
) -> None:
    """Compare strategies with each other and with other libraries, on tabular benchmarks.

    Every run is kept in the output directory, in results.jsonl, and is not run again. The table,
    the picture and the page there show the tables and methods of the last command only.
    """
    from .bench import start_bench

    limits = _given(evaluations=evaluations, seconds=seconds)
    start_bench(tables, methods or [], seeds, protocol, limits, jobs, output, data, document)
