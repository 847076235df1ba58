"""Weisfeiler-Lehman features of architectures, for models of their quality.

A `WLGraph` describes an architecture on the level of its choices: a chosen option is one operation
with its label, skip connections are merged into sums, and `none` is removed with everything that
depends on it alone. The feature of height 0 of an operation is its label; that of height h is its
label with the features of height h - 1 of its inputs, as in the Weisfeiler-Lehman kernel of graphs.
A feature counts as often as there are paths from its operation to the output.

References:
    Shervashidze et al. 2011, Weisfeiler-Lehman Graph Kernels, JMLR 12; Ru et al. 2021,
    Interpretable Neural Architecture Search via Bayesian Optimisation with Weisfeiler-Lehman
    Kernels, arXiv:2006.07556.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Flow", "WLGraph"]

Flow = Mapping[int, int]
"""Positions of the operations whose results are summed, with their multiplicities."""

OUTPUT = "output"


@dataclass
class WLGraph:
    """A graph of labels with one vertex for each choice.

    Attributes:
        labels: The operations in topological order, inputs first, the output last.
        sources: For each operation, its inputs and how often each is summed.
    """

    labels: list[str] = field(default_factory=list[str])
    sources: list[Flow] = field(default_factory=list[Flow])
    _features: tuple[Counter[str], ...] = field(default=(), init=False, repr=False, compare=False)

    def append(self, label: str, sources: Flow) -> int:
        """Add an operation and return its position."""
        self.labels.append(label)
        self.sources.append(sources)
        return len(self.labels) - 1

    def join(self, position: int, source: Flow) -> None:
        """Add inputs to an operation, unless it has them already."""
        known = self.sources[position]
        into = dict(known)
        for k, times in source.items():
            if k != position:
                into[k] = max(times, known.get(k, 0))
        self.sources[position] = into

    def finish(self, result: Flow) -> None:
        """Add the output with its inputs."""
        self.append(OUTPUT, result)

    def path_counts(self) -> list[int]:
        """Count the paths from each operation to the output."""
        counts = [0] * len(self.labels)
        counts[-1] = 1
        for position in reversed(range(len(counts))):
            for source, times in self.sources[position].items():
                counts[source] += counts[position] * times
        return counts

    def wl_features(self, height: int) -> Sequence[Mapping[str, int]]:
        """Return the features of heights 0, 1, ... up to the given one, with their counts.

        The feature of the output is one height ahead, so that each height includes the operations
        that are summed there. The result is cached, since architectures may share a graph.

        Args:
            height: The largest height, at least 0.

        Returns:
            For each height, the features and how often each occurs.
        """
        if len(self._features) <= height:
            self._features = tuple(self._counted(height))
        return self._features[: height + 1]

    def _counted(self, height: int) -> Iterator[Counter[str]]:
        counts = self.path_counts()
        live = [k for k, times in enumerate(counts[:-1]) if times]  # includes all their inputs
        features = dict(enumerate(self.labels))
        for step in range(height + 1):
            if step:
                features = {k: _feature(self.labels[k], self.sources[k], features) for k in live}
            counted = Counter[str]()
            for k in live:
                counted[features[k]] += counts[k]
            counted[_feature(OUTPUT, self.sources[-1], features)] += 1
            yield counted


def _feature(label: str, sources: Flow, features: Mapping[int, str]) -> str:
    inside = sorted(features[k] if n == 1 else f"{n}*{features[k]}" for k, n in sources.items())
    return f"{label}({','.join(inside)})" if inside else label
