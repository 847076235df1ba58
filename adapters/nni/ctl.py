# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's own `nnictl`, mended.

It runs where setuptools is too new to have `pkg_resources`, and on a busy machine; its experiments
are on this machine's loopback address only, and each trial gets its own parameters. What cannot
work is said before anything starts: NNI itself asks nobody whether `classArgs` are right (its
validators are left over from the configurations of NNI 1), and would start a tuner that then fails.
"""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import chdir
from functools import wraps
from importlib import import_module, metadata
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from nni.experiment import Experiment, RunMode, launcher
from nni.tools.package_utils import create_customized_class_instance

from ...engine.errors import BackendError
from ...spaces import NasbridgeError
from .manager import check_port, versions, wait_for_server
from .node import LOOPBACK, check_closed, node_options

__all__ = ["nnictl"]


class _ResolutionError(Exception):
    """What NNI catches when a distribution is missing."""


class _Distribution:
    def __init__(self, name: str) -> None:
        try:
            self.version = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            raise _ResolutionError(str(error)) from error


def _check_server(port: int, retry: int = 0, url_prefix: str | None = None) -> None:
    """Wait for the server, and see where it listens; takes the place of NNI's own function."""
    wait_for_server(port, url_prefix, lambda: None)
    host = os.environ.get("NASBRIDGE_HOST") or LOOPBACK
    if host == LOOPBACK:
        check_closed(port)
    else:
        warnings.warn(
            f"NNI's server listens on {host}, as NASBRIDGE_HOST says, and has no authentication: "
            "whoever reaches it can start programs on this machine",
            stacklevel=2,
        )


def _check_tuner(config: Any) -> None:
    """Make the tuner as NNI's dispatcher will, if it is ours: not in the user's folder.

    Args:
        config: The configuration as NNI sends it to its manager.

    Raises:
        NasbridgeError: What NNI would say in `dispatcher.log` after the start.
    """
    tuner = config.tuner
    if not str(tuner.class_name).startswith("nasbridge."):
        return
    given = {
        "className": tuner.class_name,
        "codeDirectory": tuner.code_directory,
        "classArgs": tuner.class_args,
    }
    try:
        with TemporaryDirectory() as elsewhere, chdir(elsewhere):
            made: Any = create_customized_class_instance(given)
            made.update_search_space(config.search_space)
    except NasbridgeError:
        raise
    except Exception as error:
        raise BackendError(
            f"the tuner cannot be made of className {tuner.class_name} and classArgs "
            f"{tuner.class_args} ({type(error).__name__}: {error})"
        ) from error


def _checked(start: Callable[..., None]) -> Callable[..., None]:
    """Return NNI's function that starts an experiment with a look at what cannot work."""

    @wraps(start)
    def started(
        self: Any, port: int = 8080, debug: bool = False, run_mode: Any = RunMode.Background
    ) -> None:
        check_port(port)
        if self._action != "view":
            _check_tuner(self.config.canonical_copy())
        start(self, port, debug, run_mode)

    return started


def nnictl(arguments: Sequence[str]) -> None:
    """Run NNI's own command line; `nasbridge nnictl create --config config.yml` does.

    Args:
        arguments: What would follow `nnictl`.

    Raises:
        NasbridgeError: A port is taken, or what stands in `classArgs` of NASTuner is wrong.
    """
    # setuptools has given it up; NNI asks for a version
    if "pkg_resources" not in sys.modules and find_spec("pkg_resources") is None:
        stand_in: Any = ModuleType("pkg_resources")
        stand_in.get_distribution = _Distribution
        stand_in.ResolutionError = _ResolutionError
        sys.modules["pkg_resources"] = stand_in
    launcher._check_rest_server = _check_server
    launcher._ensure_port_idle = check_port
    if not hasattr(Experiment.start, "__wrapped__"):
        Experiment.start = _checked(Experiment.start)
    os.environ["NASBRIDGE_VERSIONS"] = versions()
    os.environ["NODE_OPTIONS"] = node_options(os.environ.get("NODE_OPTIONS", ""))
    sys.argv = ["nnictl", *arguments]
    import_module("nni.tools.nnictl.nnictl").parse_args()  # it needs what stands above
