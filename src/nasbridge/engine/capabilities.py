"""What each backend can do, as data for errors and the support table."""

from dataclasses import dataclass, fields

from .errors import Unsupported

__all__ = [
    "Capabilities",
    "NotSupported",
]


@dataclass(frozen=True)
class NotSupported:
    """An ability that a backend lacks.

    Attributes:
        reason: Why it lacks it.
        instead: What to use instead.
    """

    reason: str
    instead: str

    def __str__(self) -> str:
        return f"no: {self.reason}; {self.instead}"


Ability = str | NotSupported


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do: each field describes how, or is `NotSupported`.

    Attributes:
        storage: Where trials are stored.
        hook: The native integration: objects for a user's own code.
        pruning: What stops trials early.
        several_objectives: Pareto search.
        pruning_several: Early stopping with several objectives.
        resume: Continuing after a kill.
        jobs: Several trials at a time.
        sharing: Several processes on one experiment.
        importing: Continuing the history of another backend.
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
        """Raise `Unsupported` if the backend lacks an ability.

        Args:
            backend: The backend's name, for the message.
            ability: The name of a field.
        """
        found = getattr(self, ability)
        if isinstance(found, NotSupported):
            raise Unsupported(
                f"{backend} does not support {ability!r}: {found.reason}; {found.instead}"
            )

    def abilities(self) -> dict[str, Ability]:
        """Return the fields by name, for the support table."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
