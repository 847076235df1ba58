# pyright: basic
# Ray's types are of little use from outside.
"""The connection to Ray: an existing one, a cluster's, or a private instance."""

import logging
import math
import os
import socket
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

import ray

from ...engine.errors import BackendError
from .resources import JOIN_TIMEOUT, needed, require

__all__ = ["QUIET", "instance"]

CONNECT_TIMEOUT = 10  # seconds until a cluster must answer
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no usage reports over the network
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the future default, without its warning
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # the trials' notes have them
    "TUNE_WARN_THRESHOLD_S": "10",  # Ray's default warns of steps of half a second
}
"""Environment variables that Ray reads; a user's settings take precedence."""


@contextmanager
def instance(address: str | None, resources: Mapping[str, float], slots: int) -> Generator[None]:
    """Connect to Ray while the context lasts.

    After a `ray.init` of the user, that connection is used and left open. Otherwise a private
    instance is started and shut down, or the cluster at the address is joined and left.

    Args:
        address: Address of a cluster; None for a private instance.
        resources: What a trial needs.
        slots: Number of trials that run at a time.

    Raises:
        BackendError: There is no cluster at the address, Ray is connected to another one, or no
            node has the resources of a trial.
    """
    ours = {name: value for name, value in QUIET.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        wanted = needed(resources)
        if ray.is_initialized():
            _check_same(address)
            require(wanted)
            yield
            return
        is_private = address in (None, "local")
        if is_private:
            _start(math.ceil(slots * wanted.get("CPU", 0)))
        else:
            _join(str(address))
        try:
            require(wanted, 0 if is_private else JOIN_TIMEOUT)
            yield
        finally:
            ray.shutdown()
    finally:
        for name in ours:
            os.environ.pop(name, None)


def _check_same(address: str | None) -> None:
    """Raise if Ray is connected to another cluster than the requested one."""
    if address in (None, "local", "auto"):  # any connection is right
        return
    there = ray.get_runtime_context().gcs_address
    if _ends(str(address)) != _ends(there):
        raise BackendError(
            f"address={address!r}, but a ray.init() in this program has connected Ray to "
            f"{there!r}: call ray.shutdown() before the run, or leave out the address to use that"
        )


def _ends(address: str) -> tuple[str, str]:
    """Return host and port, with one name for each machine."""
    host, _, port = address.rpartition(":")
    with suppress(OSError):
        host = socket.gethostbyname(host.strip("[]"))
    is_here = host.startswith("127.") or host == ray.util.get_node_ip_address()
    return "here" if is_here else host, port


def _reach(address: str) -> None:
    """Raise `OSError` if nothing listens at the address; Ray itself would retry forever."""
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT).close()


def _join(address: str) -> None:
    try:
        _reach(address)
        ray.init(address, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError) as error:
        raise BackendError(
            f"there is no Ray cluster at address={address!r} ({error}): start one with "
            "`ray start --head`, or leave out the address for a private instance"
        ) from error


def _start(cores: int) -> None:
    """Start a private instance with at least this many logical cores."""
    warnings.warn(
        "Ray listens on all network interfaces without a password, even in a private instance: on "
        "a machine that others can reach, close its ports with a firewall",
        stacklevel=2,
    )
    cores = max(os.cpu_count() or 1, cores)
    ray.init("local", num_cpus=cores, include_dashboard=False, logging_level=logging.WARNING)
