"""Architectures: validation, mapping, identity and JSON."""

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest

from nasbridge.spaces import (
    Architecture,
    Chain,
    Choice,
    Integer,
    InvalidArchitecture,
    Real,
    Repeat,
    SearchSpace,
    Skip,
    Space,
    SpaceError,
    from_json,
    layer,
)

Make = Callable[[int], SearchSpace]

SPACE = Space(
    {
        "kernel": Choice([(3, 3), (5, 5)]),
        "units": Choice([16, 32]),
        "bias": Choice([True, 1, 1.0]),
        "optimizer": Choice({"sgd": {"momentum": Real(0, 1)}, "adam": {"beta": 0.9}}),
        "depth": Integer(1, 4),
    }
)
VALUES: dict[str, object] = {
    "kernel": "(3, 3)",
    "units": "32",
    "bias": "True",
    "optimizer": "sgd",
    "optimizer.sgd.momentum": 0.5,
    "depth": 2,
}
ARCHITECTURE = SPACE.architecture(VALUES)


def untyped(value: object) -> Any:
    return value


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("kernel", (5, 5), "(5, 5)"),
        ("units", 32, "32"),
        ("units", numpy.int64(16), "16"),
        ("bias", True, "True"),
        ("bias", numpy.bool_(True), "True"),
        ("bias", 1, "1"),
        ("bias", 1.0, "1.0"),
        ("depth", numpy.int32(3), 3),
        ("optimizer.sgd.momentum", numpy.float32(0.25), 0.25),
        ("optimizer.sgd.momentum", 1, 1.0),
    ],
)
def test_options_and_numpy_numbers_are_accepted(name: str, value: object, label: object) -> None:
    made = SPACE.architecture({**VALUES, name: value})
    assert made.choices[name] == label
    assert type(made.choices[name]) is type(label)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"units": 64}, r"the decision 'units' cannot be 64: it is one of '16', '32'"),
        ({"units": "64"}, r"the decision 'units' cannot be '64'"),
        ({"units": None}, r"the decision 'units' cannot be None"),
        ({"units": True}, r"the decision 'units' cannot be True"),
        ({"kernel": [3, 3]}, r"the decision 'kernel' cannot be \[3, 3\]: it is one of"),
        ({"depth": 5}, r"the decision 'depth' cannot be 5: it is an integer from 1 to 4"),
        ({"depth": 2.0}, r"the decision 'depth' cannot be 2.0"),
        ({"depth": "2"}, r"the decision 'depth' cannot be '2'"),
        ({"depth": True}, r"the decision 'depth' cannot be True"),
        ({"optimizer.sgd.momentum": float("nan")}, r"cannot be nan: it is a number from 0 to 1"),
        ({"dept": 2}, r"the space has no decision 'dept': did you mean 'depth'\?"),
        ({"zzz": 2}, r"the space has no decision 'zzz': it has \['kernel', 'units'"),
        ({1: 2}, r"the space has no decision 1"),
        (
            {"optimizer": "adam"},
            r"'optimizer.sgd.momentum' is not active here: omit it, or choose "
            r"optimizer in \('sgd'\)",
        ),
    ],
)
def test_invalid_values_are_errors_with_a_reason(
    change: Mapping[str, object], message: str
) -> None:
    with pytest.raises(InvalidArchitecture, match=message):
        SPACE.architecture({**VALUES, **change})


def test_a_missing_value_is_an_error_with_its_domain() -> None:
    rest = {name: value for name, value in VALUES.items() if name != "depth"}
    with pytest.raises(
        InvalidArchitecture, match="'depth' is missing: give an integer from 1 to 4"
    ):
        SPACE.architecture(rest)
    with pytest.raises(InvalidArchitecture, match=r"needs a dict .* not None"):
        SPACE.architecture(untyped(None))


def test_an_architecture_of_an_equal_space_is_accepted_as_values() -> None:
    assert SPACE.architecture(ARCHITECTURE) == ARCHITECTURE
    nested = Choice({"a": layer("A", n=Choice([1, 2])), "b": layer("B")}, name="kind")
    one = nested.architecture({"kind": "a", "kind.a.n": 2})
    assert nested.architecture(one) == one


def test_an_architecture_maps_decisions_to_options() -> None:
    assert dict(ARCHITECTURE) == {
        "kernel": (3, 3),
        "units": 32,
        "bias": True,
        "optimizer": "sgd",
        "optimizer.sgd.momentum": 0.5,
        "depth": 2,
    }
    assert len(ARCHITECTURE) == 6
    assert "depth" in ARCHITECTURE
    assert list(ARCHITECTURE.choices.values()) == ["(3, 3)", "32", "True", "sgd", 0.5, 2]


def test_a_subtree_is_represented_by_its_label() -> None:
    kinds = Choice({"wide": layer("A"), "deep": Repeat(layer("A"), 3)}, name="kind")
    assert kinds.architecture({"kind": "deep"})["kind"] == "deep"
    space = Space({"n": Choice({"low": Integer(1, 3), "off": None, "list": [Real(0, 1)]})})
    assert space.decision("n").options == ("low", None, "list")
    assert space.architecture({"n": "low", "n.low": 2})["n"] == "low"


def test_inactive_and_unknown_decisions_are_not_keys() -> None:
    made = SPACE.architecture({**without("optimizer.sgd.momentum"), "optimizer": "adam"})
    assert "optimizer.sgd.momentum" not in made
    assert made.get("optimizer.sgd.momentum", "default") == "default"
    with pytest.raises(KeyError, match=r"not active in this architecture: it needs optimizer in"):
        made["optimizer.sgd.momentum"]
    with pytest.raises(InvalidArchitecture, match="did you mean 'depth'"):
        made["dept"]


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in VALUES.items() if key != name}


def test_an_architecture_is_immutable() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        untyped(ARCHITECTURE)["depth"] = 3
    with pytest.raises(TypeError, match="does not support item assignment"):
        untyped(ARCHITECTURE.choices)["depth"] = 3
    given = dict(ARCHITECTURE.choices)
    made = Architecture(SPACE, given)
    given["depth"] = 4
    assert made["depth"] == 2


def test_settings_resolve_nested_choices() -> None:
    assert ARCHITECTURE.settings == {
        "kernel": (3, 3),
        "units": 32,
        "bias": True,
        "optimizer": {"momentum": 0.5},
        "depth": 2,
    }
    mixed = Space({"net": layer("A"), "n": Choice([1]), "constant": [1, "x"]})
    assert next(mixed.enumerate()).settings == {"n": 1, "constant": [1, "x"]}


def test_equal_choices_of_equal_spaces_are_equal() -> None:
    twin = SPACE.architecture(dict(reversed(VALUES.items())))
    assert twin == ARCHITECTURE
    assert hash(twin) == hash(ARCHITECTURE)
    shuffled = Architecture(SPACE, dict(reversed(list(ARCHITECTURE.choices.items()))))
    assert shuffled == ARCHITECTURE
    assert hash(shuffled) == hash(ARCHITECTURE)
    assert shuffled.key == ARCHITECTURE.key
    assert SPACE.architecture({**VALUES, "depth": 3}) != ARCHITECTURE
    assert dict(ARCHITECTURE) != ARCHITECTURE


def test_equal_choices_of_different_spaces_are_different() -> None:
    one, other = Space({"n": Integer(1, 3)}), Space({"n": Integer(1, 4)})
    assert one.architecture({"n": 2}) != other.architecture({"n": 2})
    again = Space({"n": Integer(1, 3)})
    assert one.architecture({"n": 2}) == again.architecture({"n": 2})


def test_keys_are_stable_across_versions() -> None:
    """Keys are stored with results, so the hash must not change."""
    assert ARCHITECTURE.to_json() == (
        '{"bias":"True","depth":2,"kernel":"(3, 3)","optimizer":"sgd",'
        '"optimizer.sgd.momentum":0.5,"units":"32"}'
    )
    assert ARCHITECTURE.key == "924e5cba4530dacd"
    assert ARCHITECTURE.canonical == "924e5cba4530dacd"
    assert SPACE.fingerprint == "b68d51ed87785c73"


@pytest.mark.parametrize("seed", range(30))
def test_different_architectures_have_different_keys(seed: int, make_space: Make) -> None:
    listed = list(make_space(seed).enumerate())
    assert len({architecture.key for architecture in listed}) == len(listed)
    for architecture in listed:
        assert json.loads(architecture.to_json()) == architecture.choices


def test_the_fingerprint_depends_on_names_domains_and_conditions() -> None:
    def space(name: str = "n", high: int = 3, label: str = "a") -> Choice:
        return Choice({label: layer("A", n=Integer(1, high, name=name)), "b": layer("B")})

    prints = {
        space().fingerprint,
        space(name="m").fingerprint,
        space(high=4).fingerprint,
        space(label="c").fingerprint,
        Chain(space(), layer("C")).fingerprint,
    }
    assert len(prints) == 5
    assert space().fingerprint == space().fingerprint


SCRIPT = """
import json
from nasbridge.spaces import Chain, Choice, Integer, Parallel, Repeat, layer
kinds = Choice({"a": layer("A", n=Integer(1, 3)), "b": layer("B", f=json.dumps)}, name="kind")
space = Chain(Parallel(kinds, layer("C")), Repeat(layer("D", n=Choice([1, 2])), Integer(0, 2)))
print(space.fingerprint, *(k for a in space.enumerate() for k in (a.key, a.canonical)))
"""


def test_keys_are_the_same_in_every_process() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(printed) == 1
    assert len(printed.pop().split()) == 1 + 2 * (3 + 1) * (1 + 2 + 4)


@pytest.mark.parametrize("seed", range(20))
def test_spaces_and_architectures_survive_pickle_and_copy(seed: int, make_space: Make) -> None:
    space = make_space(seed)
    architecture = next(space.enumerate())
    for again in (pickle.loads(pickle.dumps(architecture)), copy.deepcopy(architecture)):
        assert again == architecture
        assert again.key == architecture.key
        assert again.canonical == architecture.canonical
    fresh = make_space(seed)  # without cached properties
    for again in (pickle.loads(pickle.dumps(fresh)), copy.deepcopy(space)):
        assert again == space
        assert again.decisions == space.decisions


def test_an_architecture_of_another_process_is_found_in_a_set(tmp_path: Path) -> None:
    space = Space({"f": Choice(["x", "y"]), "n": Integer(1, 3)})
    file = tmp_path / "architecture"
    script = (
        "import pickle, pathlib\n"
        "from nasbridge import Choice, Integer, Space\n"
        "space = Space({'f': Choice(['x', 'y']), 'n': Integer(1, 3)})\n"
        "made = space.architecture({'f': 'x', 'n': 2})\n"
        "hash(made)\n"
        f"pathlib.Path({str(file)!r}).write_bytes(pickle.dumps(made))\n"
    )
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    read: object = pickle.loads(file.read_bytes())
    assert read in {space.architecture({"f": "x", "n": 2})}


def test_the_repr_contains_the_choices() -> None:
    made = Space({"n": Integer(1, 3), "f": Choice(["x"])}).architecture({"n": 2, "f": "x"})
    assert repr(made) == "Architecture(n=2, f='x')"


def test_an_architecture_is_created_from_itself() -> None:
    space = Space({"x": Choice({"a": 1, "b": "c"}), "n": Integer(1, 3)})
    architecture = space.architecture({"x": "b", "n": 2})
    assert space.architecture(architecture) == architecture


@pytest.mark.parametrize(
    "other",
    [
        Chain(layer("Dense", units=64, activation=Choice(["relu", "tanh"], name="act"))),
        Chain(layer("Conv1D", units=32, activation=Choice(["relu", "tanh"], name="act"))),
        Chain(layer("Dense", units=32, activation=Choice({"relu": "elu", "tanh": "tanh"}, "act"))),
        Chain(layer("Dense", units=32, activation=Choice(["relu", "tanh"], name="act")), Skip()),
    ],
)
def test_spaces_with_equal_decisions_are_distinguished(other: Chain) -> None:
    space = Chain(layer("Dense", units=32, activation=Choice(["relu", "tanh"], name="act")))
    assert [d.name for d in space.decisions] == [d.name for d in other.decisions]
    assert space.fingerprint != other.fingerprint
    assert space.fingerprint == from_json(space.to_json()).fingerprint


def test_a_fingerprint_does_not_depend_on_the_process() -> None:
    def made(value: int) -> Chain:
        return Chain(layer("Dense", units=Choice([1, 2]), kernel_initializer=Plain(value)))

    assert made(1).fingerprint == made(1).fingerprint != made(2).fingerprint


class Plain:
    """Its repr contains its address."""

    def __init__(self, value: int) -> None:
        self.value = value


def test_options_without_a_stable_text_need_labels() -> None:
    with pytest.raises(SpaceError, match=r"has no label.* give the options as a dict"):
        Choice([Plain(1), Plain(2)])
    assert Choice({"one": Plain(1), "two": Plain(2)}).domain.labels == ("one", "two")
    with pytest.raises(SpaceError, match=r"'b' is the label of another option"):
        Choice({"a": "b", "b": "a"})


def test_numpy_numbers_in_options_become_python_numbers() -> None:
    one = layer("Dense", units=numpy.int64(3), shape=(numpy.int64(1),))
    assert one.to_json() == layer("Dense", units=3, shape=(1,)).to_json()
    assert Choice([(numpy.int64(3),) * 2]).domain.labels == ("(3, 3)",)
