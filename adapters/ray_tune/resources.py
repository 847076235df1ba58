# pyright: basic
# Ray's types are of little use from outside.
"""What a trial needs, compared with what the nodes of a cluster have.

Ray itself lets a trial wait for ever that fits on no node, for one may still join.
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

__all__ = ["JOINING", "needed", "require"]

JOINING = 3.0  # seconds that nodes have which are about to join
GROUP = "ray.io/node-group"  # a label of nodes that `ray up`, KubeRay or an autoscaler started


def needed(resources: Mapping[str, Any]) -> dict[str, float]:
    """Return what Ray has to find on one node for a trial, by Ray's own names.

    Args:
        resources: What the user says, as {"cpu": 2, "gpu": 0.5}.

    Raises:
        BackendError: An amount is not one.
    """
    said = f"resources={dict(resources)!r}"
    for name, given in resources.items():
        is_real = isinstance(given, numbers.Real) and not isinstance(given, bool)
        amount = float(given) if is_real else math.nan
        if not 0 <= amount < math.inf:
            raise BackendError(
                f"{said}: {name!r} is {given!r}, and an amount is a number "
                'from 0, as in {"cpu": 2, "gpu": 0.5}'
            )
        if name.lower() == "gpu" and amount > 1 and not amount.is_integer():
            raise BackendError(
                f"{said}: Ray shares single GPUs only, so {name!r} is a fraction below 1, or a "
                "whole number"
            )
    if not any(resources.values()):
        raise BackendError(f"{said}: a trial needs something, so give at least one above 0")
    return dict(resource_dict_to_pg_factory(dict(resources)).required_resources)


def require(wanted: Mapping[str, float], patience: float = JOINING) -> bool:
    """Make sure that a trial fits on a node of the cluster that Ray is connected to.

    Where nodes belong to a group, an autoscaler may start another one: a warning has to do.

    Args:
        wanted: What `needed` returns.
        patience: Seconds until a node that fits must have joined.

    Returns:
        Whether it fits; if not, there was a warning.

    Raises:
        BackendError: It fits on none, and nothing says that one may come.
    """
    deadline = time.monotonic() + patience
    while not any(_fits(wanted, node) for node in _nodes()):
        if time.monotonic() < deadline:
            time.sleep(0.2)
            continue
        asked = _text(wanted)
        nodes = _nodes()
        there = "; ".join(sorted({_text(node["Resources"]) for node in nodes}))
        groups = sorted({node["Labels"][GROUP] for node in nodes if node["Labels"].get(GROUP)})
        if groups:
            warnings.warn(
                f"each trial is to have {asked} on one node, and no node has it yet ({there}): "
                f"trials wait until an autoscaler starts one. If no node group can have it (there "
                f"are nodes of {', '.join(groups)}), interrupt this run and ask for less with "
                "resources=",
                stacklevel=2,
            )
            return False
        raise BackendError(
            f"each trial is to have {asked} on one node, and no node of this Ray cluster has it "
            f"({len(nodes)} with: {there}): ask for less with resources=, or start a node that has "
            "it, with `ray start --address=...` and --num-cpus, --num-gpus or --resources"
        )
    return True


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _fits(wanted: Mapping[str, float], node: Mapping[str, Any]) -> bool:
    return all(node["Resources"].get(name, 0) >= amount for name, amount in wanted.items())


def _text(resources: Mapping[str, float]) -> str:
    """Return resources as people write them, without those that stand for a node's address."""
    shown = {n: a for n, a in resources.items() if ":" not in n and n != "object_store_memory"}
    return ", ".join(
        f"{amount / 2**30:.3g} GiB {name}" if name == "memory" else f"{amount:g} {name}"
        for name, amount in sorted(shown.items())
    )
