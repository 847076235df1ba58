"""Spaces as versioned JSON documents.

Reading a document runs no user code and imports nothing. Layer classes of the user are written as
`module:Class`. When a network is built, they are looked up among the modules already imported.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from reprlib import repr as shortened
from typing import Any, cast

from ..errors import NasbridgeError, SpaceError, SpaceFormatError
from .cells import Cell, NodeCell
from .composition import Chain, Merge, Parallel, Repeat, Scope
from .constraints import Limit
from .layer import Layer
from .model_variants import ModelVariants
from .network import Network
from .node import Node
from .primitives import Pass, Skip, Zero
from .ranges import Integer, Real
from .search_space import SearchSpace
from .space import Space
from .stack import Stack
from .values import Choice, Placeholder, When

__all__ = ["from_json", "to_document"]

FORMAT = "nasbridge-space"
VERSION = 1

_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(Cell, Chain, Choice, Integer, Layer, Limit, Merge, ModelVariants, Network, NodeCell),
        *(Parallel, Pass, Placeholder, Real, Repeat, Scope, Skip, Space, Stack, When, Zero),
    )
}
_SPREAD = {"Chain": "parts", "ModelVariants": "parts", "Parallel": "branches"}  # passed as *args

Document = dict[str, Any]


def to_document(space: SearchSpace) -> Document:
    """Return a space as JSON-ready data.

    Args:
        space: Any space.

    Raises:
        SpaceError: A value or constraint cannot be written as JSON.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "space": _Writer().write(space, "the space"),
    }


class _Writer:
    """Writes a tree; repeated nodes are references to their first occurrence, which gets an id.

    The identity of nodes must be kept: a named node in two places is one decision.
    """

    def __init__(self) -> None:
        self._seen: dict[int, Document] = {}
        self._shared = 0

    def write(self, value: object, place: str) -> object:
        if isinstance(value, float) and not math.isfinite(value):
            raise SpaceError(
                f"{place} is {value}, which JSON cannot represent: use a finite number"
            )
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list):
            return [self.write(v, f"{place}[{k}]") for k, v in enumerate(cast(list[object], value))]
        if isinstance(value, tuple):
            items = cast(tuple[object, ...], value)
            return {"tuple": [self.write(v, f"{place}[{k}]") for k, v in enumerate(items)]}
        if isinstance(value, Mapping):
            return {"dict": self._entries(cast(Mapping[str, object], value), place)}
        kind = type(value).__name__
        if _KINDS.get(kind) is not type(value):
            raise SpaceError(
                f"{place} is {value!r}, which cannot be written as JSON: use numbers, strings, "
                "tuples, lists and dicts as options (with labels for what they stand for), and "
                "limit() instead of where() as a constraint"
            )
        return self._node(value, kind, place)

    def _node(self, value: object, kind: str, place: str) -> object:
        document: Document = {"kind": kind}
        if isinstance(value, Node | Integer | Real):
            first = self._seen.setdefault(id(value), document)
            if first is not document:
                if "id" not in first:
                    first["id"] = self._shared
                    self._shared += 1
                return {"same": first["id"]}
        for field in fields(cast(Any, value)):
            part = getattr(value, field.name)
            if field.name != "cls" and part is not None:
                document[field.name] = self.write(part, f"{place}.{field.name}")
        return document

    def _entries(self, entries: Mapping[str, object], place: str) -> list[list[object]]:
        """Write a dict as pairs: the order matters, and some databases sort the keys of JSON."""
        for name in entries:
            if not isinstance(cast(object, name), str):
                raise SpaceError(f"{place} has the key {name!r}: use strings as keys")
        return [[name, self.write(part, f"{place}[{name!r}]")] for name, part in entries.items()]


def from_json(text: str | bytes) -> SearchSpace:
    """Read a space that `to_json` wrote.

    Args:
        text: The document.

    Returns:
        An equal space; layer classes of the user are represented by their names.

    Raises:
        SpaceFormatError: The text is not a space, is damaged, or has an unsupported version.

    Example:
        >>> from nasbridge.spaces import Choice, Space, from_json
        >>> space = Space({"units": Choice([32, 64])})
        >>> from_json(space.to_json()) == space
        True
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SpaceFormatError(
            f"this is not the JSON of a space ({error}): create it with space.to_json()"
        ) from error
    if not isinstance(document, dict) or cast(Document, document).get("format") != FORMAT:
        raise SpaceFormatError(
            f'this JSON is not a space, because "format" is not "{FORMAT}": '
            "create it with space.to_json()"
        )
    version = cast(Document, document).get("version")
    if version != VERSION:
        raise SpaceFormatError(
            f"this space has version {version!r}, and this nasbridge reads version {VERSION}: "
            "install the nasbridge that wrote it, or write the space again"
        )
    try:
        space = _Reader().read(cast(Document, document).get("space"), "the space")
        if isinstance(space, SearchSpace):
            space.decisions  # noqa: B018  (raises for clashing names)
            return space
    except RecursionError as error:
        raise SpaceFormatError("the document is nested too deeply for a space") from error
    except SpaceError as error:
        raise SpaceFormatError(f"the document is not a valid space: {error}") from error
    raise SpaceFormatError(f"the document contains {shortened(space)} instead of a space")


def _pair(entry: object) -> tuple[object, object]:
    parts = cast(list[object], entry) if isinstance(entry, list) else []
    return (parts[0], parts[1]) if len(parts) == 2 else (None, None)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class _Reader:
    """Reads a tree; it calls only constructors of nodes."""

    def __init__(self) -> None:
        self._known: dict[int, object] = {}

    def read(self, value: object, place: str) -> object:
        if isinstance(value, list):
            return [self.read(v, f"{place}[{k}]") for k, v in enumerate(cast(list[object], value))]
        if not isinstance(value, dict):
            return value
        document = cast(Document, value)
        if "kind" in document:
            return self._node(document, place)
        match document:
            case {"tuple": list()}:
                return tuple(cast(list[object], self.read(document["tuple"], place)))
            case {"dict": list()}:
                return dict(self._entry(entry, place) for entry in document["dict"])
            case {"same": int() as number} if number in self._known:
                return self._known[number]
            case _:
                raise SpaceFormatError(
                    f"{place} is {shortened(document)}, which is not part of a space"
                )

    def _entry(self, entry: object, place: str) -> tuple[str, object]:
        name, part = _pair(entry)
        if not isinstance(name, str):
            raise SpaceFormatError(f"{place} has the entry {shortened(entry)}, which is not a pair")
        return name, self.read(part, f"{place}[{name!r}]")

    def _node(self, document: Document, place: str) -> object:
        name = document["kind"]
        kind = _KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            raise SpaceFormatError(f"{place} has the unknown kind {name!r}")
        known = [field.name for field in fields(kind) if field.name != "cls"]
        unknown = sorted(set(document) - {"kind", "id", *known})
        if unknown:
            raise SpaceFormatError(f"{place} is a {name} with the unknown entry {unknown[0]!r}")
        arguments = {  # in the order of writing: an id is read before the references to it
            key: self.read(document[key], f"{place}.{key}") for key in known if key in document
        }
        spread = arguments.pop(_SPREAD.get(name, ""), ())
        try:
            node = kind(*cast(tuple[Any, ...], spread), **arguments)
        except SpaceFormatError:
            raise
        except (NasbridgeError, TypeError, ValueError, AttributeError) as error:
            raise SpaceFormatError(f"{place} is not a valid {name}: {error}") from error
        if isinstance(document.get("id"), int):
            self._known[document["id"]] = node
        return node
