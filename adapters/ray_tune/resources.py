# pyright: basic
# Ray's types are of little use from outside.
"""Checks that a node of the cluster has the resources that a trial needs.

Without this check a trial that fits on no node waits forever: Ray expects that a node may join.
"""

import math
import numbers
import time
import warnings
from collections.abc import Mapping
from typing import Any

import ray
from ray.tune.execution.placement_groups import resource_dict_to_pg_factory

from ...engine.errors import BackendError

__all__ = ["JOIN_TIMEOUT", "needed", "require"]

JOIN_TIMEOUT = 3.0  # seconds in which a starting node may join
POLL_SECONDS = 0.2
GROUP = "ray.io/node-group"  # label of nodes started by `ray up`, KubeRay or an autoscaler


def needed(resources: Mapping[str, Any]) -> dict[str, float]:
    """Return what a node must have for a trial, by Ray's names.

    Args:
        resources: The user's setting, as {"cpu": 2, "gpu": 0.5}.

    Raises:
        BackendError: An amount is invalid.
    """
    setting = f"resources={dict(resources)!r}"
    for name, given in resources.items():
        is_real = isinstance(given, numbers.Real) and not isinstance(given, bool)
        amount = float(given) if is_real else math.nan
        if not 0 <= amount < math.inf:
            raise BackendError(
                f"{setting}: {name!r} is {given!r}, and an amount is a number "
                'from 0, as in {"cpu": 2, "gpu": 0.5}'
            )
        if name.lower() == "gpu" and amount > 1 and not amount.is_integer():
            raise BackendError(
                f"{setting}: Ray shares single GPUs only: give {name!r} a fraction below 1, or a "
                "whole number"
            )
    if not any(resources.values()):
        raise BackendError(f"{setting}: all amounts are 0: give at least one above 0")
    return dict(resource_dict_to_pg_factory(dict(resources)).required_resources)


def require(wanted: Mapping[str, float], timeout: float = JOIN_TIMEOUT) -> bool:
    """Check that a trial fits on a node of the connected cluster.

    Where nodes belong to a group, an autoscaler may start a node that fits: this only warns then.

    Args:
        wanted: The result of `needed`.
        timeout: Seconds in which a node that fits must join.

    Returns:
        Whether the trial fits; False comes with a warning.

    Raises:
        BackendError: The trial fits on no node, and no autoscaler is known.
    """
    deadline = time.monotonic() + timeout
    while not any(_fits(wanted, node) for node in _nodes()):
        if time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            continue
        asked = _text(wanted)
        nodes = _nodes()
        there = "; ".join(sorted({_text(node["Resources"]) for node in nodes}))
        groups = sorted({node["Labels"][GROUP] for node in nodes if node["Labels"].get(GROUP)})
        if groups:
            warnings.warn(
                f"each trial needs {asked} on one node, and no node has it yet ({there}): trials "
                f"wait until an autoscaler starts one. If no node group can have it (there are "
                f"nodes of {', '.join(groups)}), stop this run and reduce resources=",
                stacklevel=2,
            )
            return False
        raise BackendError(
            f"each trial needs {asked} on one node, and no node of this Ray cluster has it "
            f"({len(nodes)} with: {there}): reduce resources=, or start a node that has "
            "it, with `ray start --address=...` and --num-cpus, --num-gpus or --resources"
        )
    return True


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _fits(wanted: Mapping[str, float], node: Mapping[str, Any]) -> bool:
    return all(node["Resources"].get(name, 0) >= amount for name, amount in wanted.items())


def _text(resources: Mapping[str, float]) -> str:
    """Return resources as text, without those that stand for a node's address."""
    shown = {n: a for n, a in resources.items() if ":" not in n and n != "object_store_memory"}
    return ", ".join(
        f"{amount / 2**30:.3g} GiB {name}" if name == "memory" else f"{amount:g} {name}"
        for name, amount in sorted(shown.items())
    )
