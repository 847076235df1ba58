"""What identifies an experiment, so that a stored study is not continued by another one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from ..spaces import NasbridgeError, SearchSpace, SpaceError
from ..strategies import History, Objective, Strategy
from ..strategies.differences import difference
from .driver import ExperimentSpec
from .errors import BackendError

__all__ = ["ExperimentIdentity", "document_of"]


def document_of(space: SearchSpace) -> str | None:
    """Return a space as JSON text; None if it holds functions or classes."""
    try:
        return space.to_json()
    except SpaceError:
        return None


@dataclass(frozen=True)
class ExperimentIdentity:
    """The settings that must stay the same while an experiment continues.

    Attributes:
        fingerprint: Fingerprint of the space; None where the space is not known in advance.
        objectives: Metric names to "max" or "min".
        strategy: The strategy's settings, as text.
        seed: The experiment's seed.
        space: The space as JSON text; None where it holds functions or classes. Not compared.

    Example:
        >>> from nasbridge import Choice, Experiment, Space
        >>> from nasbridge.engine import BackendError, ExperimentIdentity
        >>> space = Space({"units": Choice([16, 32])})
        >>> one, other = (
        ...     Experiment(space, print, {"loss": "min"}, trials=5, seed=seed) for seed in (0, 1)
        ... )
        >>> stored = ExperimentIdentity.of(one).to_dict()
        >>> try:
        ...     ExperimentIdentity.from_dict(stored, "the study").check(
        ...         ExperimentIdentity.of(other), "the study", "use another study_name"
        ...     )
        ... except BackendError as error:
        ...     print(error)
        the study is of another experiment, with seed 0, not 1; use another study_name
    """

    fingerprint: str | None
    objectives: Mapping[str, str]
    strategy: str
    seed: int
    space: str | None = None

    @staticmethod
    def of(source: ExperimentSpec | History) -> "ExperimentIdentity":
        """Return the identity of an experiment, or of the one that a history belongs to."""
        return ExperimentIdentity.from_settings(
            source.space, source.objectives, source.strategy, source.seed
        )

    @staticmethod
    def from_settings(
        space: SearchSpace | None,
        objectives: Sequence[Objective],
        strategy: Strategy[Any] | str,
        seed: int,
    ) -> "ExperimentIdentity":
        """Return the identity of a search.

        Args:
            space: The space; None where it is not known in advance.
            objectives: The objectives.
            strategy: The strategy, or its settings as text.
            seed: The seed.
        """
        return ExperimentIdentity(
            None if space is None else space.fingerprint,
            {objective.metric: objective.direction for objective in objectives},
            strategy if isinstance(strategy, str) else repr(strategy),
            seed,
            None if space is None else document_of(space),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the identity, ready for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(document: object, where: str) -> "ExperimentIdentity":
        """Read what `to_dict` returned.

        Args:
            document: The stored object; entries that it has beside the identity are ignored.
            where: What messages call the place, as "the study 'first'".

        Raises:
            BackendError: An entry is missing or damaged.
        """
        entries: Mapping[str, Any] = {}
        if isinstance(document, Mapping):
            entries = cast(Mapping[str, Any], document)
        for name, kind in _KINDS.items():
            if name not in entries or not isinstance(entries[name], kind):
                raise BackendError(
                    f"the description of the experiment in {where} is damaged: {name!r} is "
                    f"{entries.get(name)!r}; export the trials with the program that wrote them"
                )
        return ExperimentIdentity(**{name: entries[name] for name in _KINDS})

    def check(
        self,
        now: "ExperimentIdentity",
        where: str,
        fix: str,
        error: type[NasbridgeError] = BackendError,
    ) -> None:
        """Raise if this stored identity differs from that of the experiment that continues.

        Args:
            now: The identity of the experiment that continues.
            where: What the message calls the stored trials, as "the study 'first'".
            fix: What the user can do, as "use another study_name".
            error: The error's class.
        """
        found = difference(asdict(self), asdict(now))
        if found:
            raise error(f"{where} is of another experiment, with {found}; {fix}")

    def resume(
        self,
        experiment: ExperimentSpec,
        where: str,
        fix: str,
        error: type[NasbridgeError] = BackendError,
    ) -> ExperimentSpec:
        """Return the experiment with the strategy it was begun with, after checking the rest.

        The default strategy depends on the number of trials, which may have been raised since.

        Args:
            experiment: The experiment that continues.
            where: As for `check`.
            fix: As for `check`.
            error: As for `check`.
        """
        begun = experiment.with_original_strategy(self.strategy)
        self.check(ExperimentIdentity.of(begun), where, fix, error)
        return begun


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "fingerprint": (str, type(None)),
    "objectives": dict,
    "strategy": str,
    "seed": int,
    "space": (str, type(None)),
}
