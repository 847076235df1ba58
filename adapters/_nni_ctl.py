# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's own `nnictl`, mended.

It runs where setuptools is too new to have `pkg_resources`, and on a busy machine; its experiments
are on this machine's loopback address only, and each trial gets its own parameters.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module, metadata
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from nni.experiment import launcher

from ._nni_manager import check_port, wait_for_server
from ._nni_node import LOOPBACK, check_closed, node_options

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


def nnictl(arguments: Sequence[str]) -> None:
    """Run NNI's own command line; `nasbridge nnictl create --config config.yml` does.

    Args:
        arguments: What would follow `nnictl`.

    Raises:
        BackendError: A port is taken, or other machines reach the server.
    """
    if find_spec("pkg_resources") is None:  # setuptools has given it up; NNI asks for a version
        stand_in: Any = ModuleType("pkg_resources")
        stand_in.get_distribution = _Distribution
        stand_in.ResolutionError = _ResolutionError
        sys.modules["pkg_resources"] = stand_in
    launcher._check_rest_server = _check_server
    launcher._ensure_port_idle = check_port
    os.environ["NODE_OPTIONS"] = node_options(os.environ.get("NODE_OPTIONS", ""))
    sys.argv = ["nnictl", *arguments]
    import_module("nni.tools.nnictl.nnictl").parse_args()  # it needs what stands above
