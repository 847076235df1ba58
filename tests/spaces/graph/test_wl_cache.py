"""Weisfeiler-Lehman graphs from templates, compared with those of an empty cache."""

import pickle
from collections.abc import Mapping
from typing import Any

import numpy
import pytest

from nasbridge.spaces import (
    Architecture,
    Cell,
    Chain,
    Choice,
    Integer,
    Parallel,
    Repeat,
    Scope,
    SearchSpace,
    Skip,
    Space,
    Stack,
    When,
    Zero,
    layer,
    library,
    residual,
    wl_graphs,
)
from nasbridge.spaces.graph.graph import HierarchicalGraph
from nasbridge.spaces.graph.wl_cache import TemplateSet, WLCache

CONV = layer("Conv2D", filters=8, kernel_size=3, padding="same")
OPEN = layer("Conv2D", filters=Integer(4, 16), kernel_size=Choice([1, 3]), padding="same")
POOL = layer("MaxPooling2D")
PARTS = Choice(
    {
        "identity": layer("Identity"),
        "none": Zero(),
        "nothing": Repeat(CONV, times=0),
        "residual": Chain(layer("Identity"), residual(CONV)),
        "nested": Parallel(residual(CONV), layer("Identity"), Chain(CONV, Zero(), CONV), CONV),
        "dropout": Chain(CONV, layer("Dropout", rate=0), CONV),
    },
    name="part",
)
OPENED = Choice(
    {
        "conv": OPEN,
        "part": PARTS,
        "around": residual(PARTS),
        "dropout": layer("Dropout", rate=Choice([0, 0.5])),
        "inner": Chain(CONV, Choice({"identity": layer("Identity"), "conv": CONV}), CONV),
    },
    name="opened",
)
CELL = Cell({"none": Zero(), "skip": Skip(), "both": residual(CONV), "conv": CONV}, 3, name="cell")

SPACES: dict[str, SearchSpace] = {
    "NAS-Bench-201": library.nas_bench_201(),
    "DARTS": library.darts(),
    "NASNet": library.nasnet(),
    "one decision in several places": Chain(CONV, PARTS, OPENED, residual(PARTS), OPENED),
    "one decision, and around it": Chain(PARTS, Choice({"x": PARTS, "y": residual(PARTS)})),
    "open depth": Repeat(OPENED, times=Integer(0, 3)),
    "tied": Chain(Repeat(OPENED, times=Choice([0, 1, 3]), tied=True), Parallel(PARTS, PARTS)),
    "stacks": Chain(Stack(CELL, POOL, repeats=Integer(1, 2)), Stack(CELL, PARTS, stages=2)),
    "a stack as an option": Choice({"stack": Stack(CELL, POOL), "conv": CONV, "part": PARTS}),
    "several networks": Space({"a": Chain(PARTS, CONV), "b": residual(OPENED), "c": Integer(1, 3)}),
}


def shown(architecture: Architecture) -> dict[str, object]:
    return {
        name: (sketch.labels, list(map(dict, sketch.sources)))
        for name, sketch in wl_graphs(architecture).items()
    }


def afresh(architecture: Architecture) -> Architecture:
    """Return the same architecture of a copy of its space, with an empty cache."""
    space: SearchSpace = pickle.loads(pickle.dumps(architecture.space))
    return Architecture(space, architecture.choices)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_templates_do_not_change_graphs(space: SearchSpace) -> None:
    rng = numpy.random.default_rng(0)
    architecture = space.sample(rng)
    for step in range(60):
        architecture = space.mutate(architecture, rng) if step % 4 else space.sample(rng)
        assert shown(architecture) == shown(afresh(architecture))


def test_widths_need_no_further_traversal(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[object] = []
    learn = WLCache.learn

    def counting(self: WLCache, outlines: Mapping[str, HierarchicalGraph]) -> TemplateSet:
        walked.append(outlines)
        return learn(self, outlines)

    monkeypatch.setattr(WLCache, "learn", counting)
    part = Choice({"conv": CONV, "open": OPEN, "skip": Skip()})
    space = Scope(Chain(part, part, part), width=Integer(8, 64))
    rng = numpy.random.default_rng(0)
    drawn = {space.sample(rng) for _ in range(200)}
    for architecture in drawn:
        wl_graphs(architecture)
    assert len(walked) <= 9 < 100 < len(drawn)


def test_known_fillings_need_no_further_traversal() -> None:
    space = library.nas_bench_201()
    drawn = [*space.neighbors(next(space.enumerate()))]
    for architecture in drawn:
        wl_graphs(architecture)
    known = dict.fromkeys(drawn[0], "none") | {"cell.edge_0_1": "nor_conv_3x3"}
    other = space.architecture(known | {"cell.edge_2_3": "skip_connect"})
    assert other not in drawn
    assert space.wl_cache.wl_graphs(other.choices) is not None
    assert afresh(other).space.wl_cache.wl_graphs(other.choices) is None


@pytest.mark.parametrize("units", [4, Choice([3, 4], name="units")])
def test_a_conditionally_open_setting_is_a_decision_of_its_layer(units: object) -> None:
    """It does not depend on the layer's other open settings."""
    at_times = When(Choice(["relu", "gelu"], name="active"), ({"kind": ("dense",)},))
    space = Space(
        {"kind": Choice(["dense", "none"]), "net": layer("Dense", units=units, activation=at_times)}
    )
    rng = numpy.random.default_rng(0)
    for architecture in (space.sample(rng) for _ in range(20)):
        net: Any = space.resolve(architecture.choices)["net"]
        used = net.graph.vertices[-1].operation.config
        assert used["activation"] == architecture.choices.get("active")
    assert "active" in {decision.name for decision in space.decisions}
