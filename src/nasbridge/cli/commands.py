"""The commands of `nasbridge` and their arguments.

Each command imports its implementation when it is called, which keeps `--help` fast.
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
    Path, Argument(metavar="EXPERIMENT.py", help="The file that defines the experiment.")
]
Directory = Annotated[Path, Argument(metavar="DIRECTORY", help="The directory of a run.")]
Name = Annotated[
    str | None,
    Option(help="The variable to use, if the file has several.", show_default=False),
]
Jobs = Annotated[
    int | None,
    Option(help="Worker processes; 0 evaluates in this process.", show_default="set by evaluate"),
]
Trials = Annotated[
    int | None, Option(help="Total number of trials.", show_default="the experiment's")
]
Seconds = Annotated[
    float | None,
    Option(help="No trial starts after this many seconds.", show_default="the experiment's"),
]
BackendOptions = Annotated[
    list[str] | None,
    Option(
        "--option",
        metavar="KEY=VALUE",
        help="A backend option, such as port=8080; see `backends NAME`. Repeatable.",
        show_default=False,
    ),
]
Port = Annotated[
    int | None,
    Option(help="The port of the web UI.", show_default="a free one", min=1, max=65535),
]
Host = Annotated[
    str | None,
    Option(
        help="The address of the web UI; 0.0.0.0 exposes it without a password.",
        show_default="localhost",
    ),
]
SpaceFrom = Annotated[
    Path | None,
    Option(
        "--experiment",
        metavar="EXPERIMENT.py",
        help="The experiment's file, if the history does not include its space; it is run.",
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
        bool,
        Option("--traceback", help="Show the traceback of an error; accepted at any position."),
    ] = False,
    version: Annotated[
        bool,
        Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Neural architecture search under the AutoML framework that you already use."""


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that the user has set."""
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
        Option(help="The directory of the run.", show_default="runs/EXPERIMENT-BACKEND"),
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
            help=(
                "Stop bad trials early: median, median-average; with optuna median, "
                "successive-halving, hyperband."
            ),
            show_default="the experiment's",
        ),
    ] = None,
    option: BackendOptions = None,
    continue_from: Annotated[
        Path | None,
        Option(
            metavar="DIRECTORY|HISTORY",
            help="Continue a run of any backend in a new directory, with identical proposals.",
            show_default=False,
        ),
    ] = None,
    name: Name = None,
) -> None:
    """Run the experiment in a file, or continue its run if the directory has one.

    Ctrl-C stops the run cleanly; `resume` continues it with identical proposals.
    """
    from .run import start_run

    settings = _given(trials=trials, seconds=seconds, seed=seed, pruner=pruner)
    start_run(file, name, backend, directory, jobs, settings, option or [], continue_from)


@app.command()
def resume(
    directory: Directory,
    experiment: Annotated[
        Path | None,
        Option(
            "--experiment",
            metavar="EXPERIMENT.py",
            help="The experiment's file; it is run. A file that a directory names is not.",
            show_default=False,
        ),
    ] = None,
    trials: Trials = None,
    seconds: Seconds = None,
    jobs: Jobs = None,
    option: BackendOptions = None,
) -> None:
    """Continue a run with its file, backend and options; options given here override them."""
    from .run import resume_run

    resume_run(directory, experiment, jobs, _given(trials=trials, seconds=seconds), option or [])


@app.command()
def view(directory: Directory, port: Port = None, host: Host = None) -> None:
    """Show a run, or a stopped NNI experiment, in NNI's web UI until Ctrl-C."""
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
            metavar="...",
            help="Arguments of nnictl, such as create --config config.yml.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run nnictl with fixes: any setuptools, localhost only, parameters match their trials."""
    from .run import run_nnictl

    run_nnictl(arguments or [])


@app.command()
def report(
    source: Annotated[
        Path, Argument(metavar="DIRECTORY|HISTORY", help="A run's directory, or a history file.")
    ],
    output: Annotated[
        Path | None, Option(help="The HTML file.", show_default="report.html, next to the history")
    ] = None,
    experiment: SpaceFrom = None,
    option: BackendOptions = None,
) -> None:
    """Write an HTML report of a run: best architectures, progress and importances."""
    from .move import report_history

    report_history(source, output, experiment, option or [])


@app.command("export")
def export_(
    directory: Directory,
    file: Annotated[Path, Argument(metavar="FILE.jsonl", help="The history; a new file.")],
    experiment: SpaceFrom = None,
    option: BackendOptions = None,
) -> None:
    """Write the history of a run as JSON Lines, which every backend can continue."""
    from .move import export_run

    export_run(directory, file, experiment, option or [])


@app.command("import")
def import_(
    file: Annotated[Path, Argument(metavar="FILE.jsonl", help="A history.")],
    directory: Annotated[Path, Argument(metavar="DIRECTORY", help="A new directory.")],
    backend: Annotated[str, Option(help="The framework that continues the run.")],
    option: BackendOptions = None,
    experiment: SpaceFrom = None,
) -> None:
    """Create a run from a history; `resume` continues it with identical proposals."""
    from .move import import_history

    import_history(file, directory, backend, experiment, option or [])


@app.command()
def space(
    file: Annotated[
        Path,
        Argument(metavar="EXPERIMENT.py|SPACE.json", help="A file that defines a space."),
    ],
    sample: Annotated[int, Option(help="Number of random architectures to show.", min=0)] = 1,
    seed: Annotated[int, Option(help="Seed of the random architectures.")] = 0,
    draw: Annotated[
        Path | None,
        Option(help="Draw the first architecture to this file, .svg or .png.", show_default=False),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print the space as JSON instead.")] = False,
    name: Name = None,
) -> None:
    """Show the decisions, the size and random architectures of a space."""
    from .space import show_space

    show_space(file, name, sample, seed, draw, as_json)


@app.command()
def backends(
    name: Annotated[
        str | None,
        Argument(metavar="[NAME]", help="A backend, to show its options too.", show_default=False),
    ] = None,
) -> None:
    """Show the installed frameworks and their capabilities, or the options of one."""
    from .backends import show_backend, show_backends

    if name is None:
        show_backends()
    else:
        show_backend(name)


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
        help="A strategy, or a baseline such as optuna.TPESampler; settings in parentheses, as in "
        "'Bananas(initial=20)'. Repeatable.",
        show_default="all baselines, BayesianOptimization, RandomSearch, RegularizedEvolution",
    ),
]
Data = Annotated[
    Path | None,
    Option(
        help="A folder with nb201.npz and nb201_hw.npz, needed for nb201-hw, --protocol cost and "
        "test accuracies.",
        show_default=False,
    ),
]


@app.command()
def bench(
    tables: Tables,
    methods: Methods = None,
    seeds: Annotated[int, Option(help="Number of seeds, shared by all methods.", min=1)] = 30,
    evaluations: Annotated[
        int | None, Option(help="Evaluations per run.", show_default="200", min=1)
    ] = None,
    seconds: Annotated[
        float | None,
        Option(
            help="Simulated seconds per run, with --protocol cost.",
            show_default="12,000 for CIFAR-10, proportional for others",
            min=1,
        ),
    ] = None,
    jobs: Annotated[int, Option(help="Worker processes; 0 uses this process.", min=0)] = 2,
    output: Annotated[
        Path, Option(help="The directory of results; new results are appended.")
    ] = Path("bench"),
    data: Data = None,
    protocol: Annotated[
        str,
        Option(
            help="queries: final quality per evaluation; cost: short trainings, budget in seconds."
        ),
    ] = "queries",
    document: Annotated[
        Path | None,
        Option(help="A Markdown file that is also updated.", show_default=False),
    ] = None,
) -> None:
    """Compare strategies with each other and with other libraries on tabular benchmarks.

    Complete runs are stored in results.jsonl in the output directory and not repeated. The table,
    the plot and the HTML page cover the tables and methods of the last command only.
    """
    from .bench import start_bench

    limits = _given(evaluations=evaluations, seconds=seconds)
    start_bench(tables, methods or [], seeds, protocol, limits, jobs, output, data, document)
