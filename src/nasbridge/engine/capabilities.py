"""What each backend can do, as data: errors and the README's table come from it."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from .errors import Unsupported

__all__ = ["No", "Support", "read_support"]


@dataclass(frozen=True)
class No:
    """What a framework cannot do, and the way out.

    Attributes:
        reason: Why not.
        instead: What to do.
    """

    reason: str
    instead: str

    def __str__(self) -> str:
        return f"no: {self.reason}; {self.instead}"


Ability = str | No


@dataclass(frozen=True)
class Support:
    """What a backend can do; each field says how, or is a `No`.

    Attributes:
        storage: Where trials are stored.
        hook: The native object for a user's own code.
        pruning: What stops trials early.
        several_objectives: Pareto search.
        pruning_several: Early stopping with several objectives.
        resume: Going on after a kill.
        jobs: Several trials at a time.
        sharing: Several processes on one experiment.
        importing: Going on with another backend's history.
        options: Names of `run`'s own options.
    """

    storage: str
    hook: str
    pruning: Ability
    several_objectives: Ability = "yes"
    pruning_several: Ability = "yes, by Pareto dominance"
    resume: Ability = "yes, identically"
    jobs: Ability = "worker processes"
    sharing: Ability = No("the history file has one writer", "use jobs=, or backend='optuna'")
    importing: Ability = "yes"
    options: tuple[str, ...] = ()

    def require(self, backend: str, ability: str) -> None:
        """Raise `Unsupported` if the backend cannot do this.

        Args:
            backend: The backend's name, for the message.
            ability: A field of this class.
        """
        said = getattr(self, ability)
        if isinstance(said, No):
            raise Unsupported(f"{backend} cannot do {ability!r}: {said.reason}; {said.instead}")

    def refuse(self, backend: str, options: Mapping[str, Any]) -> None:
        """Raise `Unsupported` for options that the backend does not have."""
        for name in options:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise Unsupported(f"backend {backend!r} has no option {name!r}: it has {known}")

    def abilities(self) -> dict[str, Ability]:
        """Return what the support table shows, by the name of each ability."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "options"}


def read_support(file: Path) -> Support:
    """Read what an adapter supports from its file, so that its framework need not be there.

    Args:
        file: A module with `SUPPORT = Support(...)` at its top level, made of literals.
    """
    for node in ast.parse(file.read_text("utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="SUPPORT")], value=value):
                made = compile(ast.Expression(value), str(file), "eval")
                return cast(Support, eval(made, {"No": No, "Support": Support}))
            case _:
                pass
    raise LookupError(f"{file} has no SUPPORT = Support(...) at its top level")
