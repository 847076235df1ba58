"""Words: what an architecture is made of, as counts that models of quality can learn from.

An architecture's graph is read as its author thinks of it: what was chosen counts as one operation
under its label, skips vanish into sums, and `none` vanishes with what hangs on it. Each operation
is a word of height 0, its label; of height 1, its label with those of its inputs; and so on, as in
the Weisfeiler-Lehman kernel of graphs. A word counts as often as there are ways from its operation
to the output.

References:
    Shervashidze et al. 2011, Weisfeiler-Lehman Graph Kernels, JMLR 12; Ru et al. 2021,
    Interpretable Neural Architecture Search via Bayesian Optimisation with Weisfeiler-Lehman
    Kernels, arXiv:2006.07556.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Flow", "Sketch"]

Flow = Mapping[int, int]
"""Positions of the operations whose results are summed up, with how often."""

OUTPUT = "output"


@dataclass
class Sketch:
    """A graph with one vertex for each choice: labels, and what flows into each.

    Attributes:
        labels: The operations in topological order, inputs first, the output last.
        sources: For each, the operations before it and how often each is summed up.
    """

    labels: list[str] = field(default_factory=list[str])
    sources: list[Flow] = field(default_factory=list[Flow])
    _words: tuple[Counter[str], ...] = field(default=(), init=False, repr=False, compare=False)

    def append(self, label: str, sources: Flow) -> int:
        """Add an operation; return its position."""
        self.labels.append(label)
        self.sources.append(sources)
        return len(self.labels) - 1

    def join(self, position: int, source: Flow) -> None:
        """Let something else flow into an operation that is there, if it does not yet."""
        known = self.sources[position]
        into = dict(known)
        for k, times in source.items():
            if k != position:
                into[k] = max(times, known.get(k, 0))
        self.sources[position] = into

    def finish(self, result: Flow) -> None:
        """Add the output, into which the result flows."""
        self.append(OUTPUT, result)

    def ways(self) -> list[int]:
        """Count for each operation the ways from it to the output; 0 if there is none."""
        ways = [0] * len(self.labels)
        ways[-1] = 1
        for position in reversed(range(len(ways))):
            for source, times in self.sources[position].items():
                ways[source] += ways[position] * times
        return ways

    def words(self, height: int) -> Sequence[Mapping[str, int]]:
        """Return the words of heights 0, 1, ... up to and with the given one.

        The output's word is one step ahead, so that each height says what is summed up there. They
        are counted once: many architectures may share the sketch.

        Args:
            height: The largest height, at least 0.
        """
        if len(self._words) <= height:
            self._words = tuple(self._counted(height))
        return self._words[: height + 1]

    def _counted(self, height: int) -> Iterator[Counter[str]]:
        ways = self.ways()
        there = [k for k, times in enumerate(ways[:-1]) if times]  # all that is spelt below is, too
        words = dict(enumerate(self.labels))
        for step in range(height + 1):
            if step:
                words = {k: _spell(self.labels[k], self.sources[k], words) for k in there}
            counted = Counter[str]()
            for k in there:
                counted[words[k]] += ways[k]
            counted[_spell(OUTPUT, self.sources[-1], words)] += 1
            yield counted

    def paths(self, most: int = 10_000) -> Counter[tuple[str, ...]]:
        """Count the paths from an input to the output, each as the operations that it passes.

        Args:
            most: Above so many different paths into one operation, the longest are left out.
        """
        known: list[Counter[tuple[str, ...]]] = []
        last = len(self.labels) - 1
        for position, (label, sources) in enumerate(zip(self.labels, self.sources, strict=True)):
            if not sources and position != last:  # an input
                known.append(Counter({(): 1}))
                continue
            own = (label,) if position != last else ()
            into = Counter[tuple[str, ...]]()
            for source, times in sorted(sources.items()):
                for path, count in known[source].items():
                    into[*path, *own] += count * times
            shortest = sorted(into.items(), key=lambda item: (len(item[0]), item[0]))
            known.append(Counter(dict(shortest[:most])))
        return known[-1]


def _spell(label: str, sources: Flow, words: Mapping[int, str]) -> str:
    inside = sorted(words[k] if n == 1 else f"{n}*{words[k]}" for k, n in sources.items())
    return f"{label}({','.join(inside)})" if inside else label
