"""NNI's nested choices: options with `_name` that hold further parameters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from ...engine.errors import BackendError
from ...engine.native_options import labels_of, split_repeats
from ...spaces import Architecture, Categorical, Decision, InvalidArchitecture, SearchSpace
from ...spaces.nodes.values import option_label

__all__ = ["NAME", "STEPPED", "branches_of", "flattened", "is_declared", "parameters_from"]

NAME = "_name"  # NNI's key for the label of a nested option
TYPE = "_type"
STEPPED = ("quniform", "qloguniform")  # NNI draws floats from these, even where they are whole

Branch = Mapping[str, Any]


def is_declared(value: object) -> bool:
    """Return whether a value is the declaration of a parameter; others are constants."""
    return isinstance(value, Mapping) and TYPE in value


def branches_of(name: str, options: Sequence[object]) -> dict[str, Branch] | None:
    """Return the options of a nested choice by label; None if the options are plain values.

    As in NNI, a choice is nested if all its options are dicts with `_name`.

    Args:
        name: Name of the parameter, for messages.
        options: The options, each once.

    Raises:
        BackendError: Two options have the same name, or an option without `_name` declares
            parameters, which NNI passes to the trial as they are.
    """
    branches = [cast(Branch, option) for option in options if _is_branch(option)]
    if len(branches) < len(options) or not branches:
        for option in options:
            if isinstance(option, Mapping) and any(map(is_declared, cast(Branch, option).values())):
                raise BackendError(
                    f"the option {option!r} of {name!r} declares parameters, which NNI searches "
                    f"only if every option of {name!r} is a dict with {NAME!r}: add the names"
                )
        return None
    names = [branch[NAME] for branch in branches]
    labels = labels_of(names)
    if len(set(labels)) < len(labels) or [_label(each, labels) for each in names] != labels:
        raise BackendError(
            f"options of {name!r} have the same {NAME!r}, and trials could not be assigned to "
            f"them: give each option its own, instead of {names}"
        )
    return dict(zip(labels, branches, strict=True))


def _is_branch(option: object) -> bool:
    return isinstance(option, Mapping) and NAME in option


def _label(name: object, labels: Sequence[str]) -> str:
    """Return the label of the option with a `_name`: its text, with its type if that is taken."""
    text = option_label(name)
    typed = f"{text} ({type(name).__name__})"
    return typed if not isinstance(name, str) and typed in labels else text


def parameters_from(
    architecture: Architecture, native: Mapping[str, Any], path: str = ""
) -> dict[str, Any]:
    """Return an architecture in the form that NNI's own tuners propose for a search space.

    Args:
        architecture: An architecture of `from_native(native)`.
        native: The search space, or an option of a nested choice, whose constants are returned.
        path: Prefix of the names in it.
    """
    made: dict[str, Any] = {}
    for name, parameter in native.items():
        if not is_declared(parameter):
            made[name] = parameter
            continue
        decision = f"{path}{name}"
        nested = None
        if parameter[TYPE] == "choice":
            nested = branches_of(decision, split_repeats(parameter["_value"])[0])
        if nested is not None:
            label = str(architecture.choices[decision])
            made[name] = parameters_from(architecture, nested[label], f"{decision}.{label}.")
            continue
        value = architecture[decision]
        made[name] = float(cast(float, value)) if parameter[TYPE] in STEPPED else value
    return made


def flattened(parameters: Mapping[str, Any], space: SearchSpace) -> dict[str, object]:
    """Return nested parameters under the names of the decisions of a space.

    Raises:
        InvalidArchitecture: A nested value has no `_name`.
    """
    known = {decision.name: decision for decision in space.decisions}
    return dict(_flattened(parameters, known, ""))


def _flattened(
    parameters: Mapping[str, Any], known: Mapping[str, Decision], path: str
) -> Iterator[tuple[str, object]]:
    for key, value in parameters.items():
        name = f"{path}{key}"
        decision = known.get(name)
        if (
            decision is None
            or not isinstance(value, Mapping)
            or _is_option(decision, cast(Branch, value))
        ):
            yield name, value
            continue
        if NAME not in value:
            raise InvalidArchitecture(
                f"the parameter {name} is {value!r}, without {NAME!r}: give parameters that an NNI "
                "tuner or NASTuner has proposed"
            )
        inner = dict(cast(Branch, value))
        labels = decision.domain.labels if isinstance(decision.domain, Categorical) else ()
        label = _label(inner.pop(NAME), labels)
        yield name, label
        yield from _flattened(inner, known, f"{name}.{label}.")


def _is_option(decision: Decision, value: Branch) -> bool:
    """Return whether a dict is a plain value of a decision, not a nested option."""
    if NAME in value:
        return decision.label_of(value) is not value
    return any(isinstance(option, Mapping) for option in decision.options)
