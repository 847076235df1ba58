"""What each backend can do, as data: errors and the README's table come from it."""

from dataclasses import dataclass, fields

from .errors import Unsupported

__all__ = [
    "Capabilities",
    "NotSupported",
]


@dataclass(frozen=True)
class NotSupported:
    """What a framework cannot do, and the way out.

    Attributes:
        reason: Why not.
        instead: What to do.
    """

    reason: str
    instead: str

    def __str__(self) -> str:
        return f"no: {self.reason}; {self.instead}"


Ability = str | NotSupported


@dataclass(frozen=True)
class Capabilities:
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
    """

    storage: str
    hook: str
    pruning: Ability
    several_objectives: Ability = "yes"
    pruning_several: Ability = "yes, by Pareto dominance"
    resume: Ability = "yes, identically"
    jobs: Ability = "worker processes"
    sharing: Ability = NotSupported(
        "the history file has one writer", "use jobs=, or backend='optuna'"
    )
    importing: Ability = "yes"

    def require(self, backend: str, ability: str) -> None:
        """Raise `Unsupported` if the backend cannot do this.

        Args:
            backend: The backend's name, for the message.
            ability: A field of this class.
        """
        said = getattr(self, ability)
        if isinstance(said, NotSupported):
            raise Unsupported(f"{backend} cannot do {ability!r}: {said.reason}; {said.instead}")

    def abilities(self) -> dict[str, Ability]:
        """Return what the support table shows, by the name of each ability."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
