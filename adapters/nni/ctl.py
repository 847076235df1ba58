# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's own `nnictl` with the patches of `compat`.

It also checks `classArgs` of our tuner before anything starts. NNI does not check them itself (its
validators belong to the configuration format of NNI 1) and would start a tuner that then fails.
"""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import chdir
from functools import wraps
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

from nni.experiment import Experiment, RunMode, launcher
from nni.tools.package_utils import create_customized_class_instance

from ...engine.errors import BackendError
from ...spaces import NasbridgeError
from .compat import (
    LOOPBACK,
    add_pkg_resources,
    check_loopback_only,
    check_port,
    node_options,
    version_info,
    wait_for_server,
)

__all__ = ["nnictl"]


def _check_server(port: int, retry: int = 0, url_prefix: str | None = None) -> None:
    """Wait for the server and check its address; replaces a function of NNI's launcher."""
    wait_for_server(port, url_prefix, lambda: None)
    host = os.environ.get("NASBRIDGE_HOST") or LOOPBACK
    if host == LOOPBACK:
        check_loopback_only(port)
    else:
        warnings.warn(
            f"NNI's server listens on {host}, as set by NASBRIDGE_HOST, and has no authentication: "
            "anyone who reaches it can start programs on this machine",
            stacklevel=2,
        )


def _check_tuner(config: Any) -> None:
    """Create our tuner as NNI's dispatcher will, in another folder than the user's.

    Args:
        config: The configuration that NNI sends to its manager.

    Raises:
        NasbridgeError: The error that NNI would write to `dispatcher.log` after the start.
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
            f"NNI cannot create the tuner from className {tuner.class_name} and classArgs "
            f"{tuner.class_args} ({type(error).__name__}: {error})"
        ) from error


def _checked(start: Callable[..., None]) -> Callable[..., None]:
    """Return `Experiment.start` with checks before the start."""

    @wraps(start)
    def checked_start(
        self: Any, port: int = 8080, debug: bool = False, run_mode: Any = RunMode.Background
    ) -> None:
        check_port(port)
        if self._action != "view":
            _check_tuner(self.config.canonical_copy())
        start(self, port, debug, run_mode)

    return checked_start


def nnictl(arguments: Sequence[str]) -> None:
    """Run NNI's command line, as `nasbridge nnictl create --config config.yml` does.

    Args:
        arguments: The arguments that follow `nnictl`.

    Raises:
        NasbridgeError: A port is taken, or the `classArgs` of NASTuner are invalid.
    """
    add_pkg_resources()
    launcher._check_rest_server = _check_server
    launcher._ensure_port_idle = check_port
    if not hasattr(Experiment.start, "__wrapped__"):
        Experiment.start = _checked(Experiment.start)
    os.environ["NASBRIDGE_VERSIONS"] = version_info()
    os.environ["NODE_OPTIONS"] = node_options(os.environ.get("NODE_OPTIONS", ""))
    sys.argv = ["nnictl", *arguments]
    import_module("nni.tools.nnictl.nnictl").parse_args()  # imports pkg_resources
