# pyright: basic
# Ray's types are of little use from outside.
"""The Ray that trials run on: one that is there already, a cluster's, or a private one."""

import logging
import math
import os
import socket
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

import ray

from ...engine.errors import BackendError
from .resources import JOINING, needed, require

__all__ = ["QUIET", "instance"]

PATIENCE = 10  # seconds until a cluster must have answered
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray would tell its makers of each start
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray will do anyway, and warns of until then
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # they are in the notes of the trials
    "TUNE_WARN_THRESHOLD_S": "10",  # seconds; Ray would tell of whatever takes half of one
}
"""What Ray is told by its environment, unless the user has said something else."""


@contextmanager
def instance(address: str | None, resources: Mapping[str, float], slots: int) -> Generator[None]:
    """Be connected to Ray for a while.

    Whoever has called `ray.init` before keeps what he has. Otherwise a private instance is started,
    and shut down afterwards; or the cluster at the address is joined, and left.

    Args:
        address: Of an existing cluster; None for a private instance.
        resources: What a trial needs.
        slots: How many trials are to run at a time.

    Raises:
        BackendError: There is no cluster at the address, Ray is connected to another one, or it has
            no node for a trial.
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
            require(wanted, 0 if is_private else JOINING)
            yield
        finally:
            ray.shutdown()
    finally:
        for name in ours:
            os.environ.pop(name, None)


def _check_same(address: str | None) -> None:
    """Raise if Ray, which is connected already, is so to another cluster than the one asked for."""
    if address in (None, "local", "auto"):  # any will do
        return
    there = ray.get_runtime_context().gcs_address
    if _ends(str(address)) != _ends(there):
        raise BackendError(
            f"address={address!r}, but Ray is connected to {there!r} already, by a ray.init() in "
            "this program: call ray.shutdown() before the run, or leave the address out to use that"
        )


def _ends(address: str) -> tuple[str, str]:
    """Return host and port, so that one machine has one name."""
    host, _, port = address.rpartition(":")
    with suppress(OSError):
        host = socket.gethostbyname(host.strip("[]"))
    is_here = host.startswith("127.") or host == ray.util.get_node_ip_address()
    return "here" if is_here else host, port


def _reach(address: str) -> None:
    """Raise `OSError` if nobody is there; Ray itself would ask for ever."""
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()


def _join(address: str) -> None:
    try:
        _reach(address)
        ray.init(address, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError) as error:
        raise BackendError(
            f"there is no Ray cluster at address={address!r} ({error}): start one with "
            "`ray start --head`, or leave the address out for a private instance"
        ) from error


def _start(cores: int) -> None:
    """Start a private instance that has at least so many cores for trials, real or not."""
    warnings.warn(
        "Ray listens on all network interfaces, without a password, even in a private instance: "
        "on a machine that others can reach, let a firewall close its ports",
        stacklevel=2,
    )
    cores = max(os.cpu_count() or 1, cores)
    ray.init("local", num_cpus=cores, include_dashboard=False, logging_level=logging.WARNING)
