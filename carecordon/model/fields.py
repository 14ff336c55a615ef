"""How nested documents become fields: mappings to dotted names, lists to tuples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carecordon.model.event import Fields, Value


def flatten(document: Mapping[str, Any]) -> Fields:
    """Return the document as fields: `{"a": {"b": 1}}` gives `a.b`; a list of mappings gives one tuple a key.

    An empty mapping gives null. Works without recursion, so nesting depth is only bounded by what was decoded.
    """
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = list(reversed(list(document.items())))
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting.extend((f"{name}.{inner}", part) for inner, part in reversed(value.items()))
        elif isinstance(value, dict):
            _add(found, name, None)
        elif isinstance(value, list | tuple):
            _add_list(found, waiting, name, value)
        else:
            _add(found, name, value)
    for name, value in found.items():
        if type(value) is list:
            found[name] = tuple(value)
    return found


def unspaced(fields: Fields) -> Fields:
    """Return the fields under their names without spaces. Source: Sigma rules specification 2.1, Field Usage 2."""
    if " " not in "".join(fields):
        return fields
    return {name.replace(" ", ""): value for name, value in fields.items()}


def harden(fields: dict[str, Any]) -> None:
    """Turn lists into tuples and mappings into dotted fields without spaces in their names, in place."""
    kinds = set(map(type, fields.values()))
    if dict not in kinds and list not in kinds:
        return
    lists = {name: value for name, value in fields.items() if type(value) is list}
    if dict not in kinds and not any(isinstance(part, dict | list) for value in lists.values() for part in value):
        fields.update((name, tuple(value)) for name, value in lists.items())
        return
    flat = unspaced(flatten(fields))
    fields.clear()
    fields.update(flat)


def _add_list(found: dict[str, Any], waiting: list[tuple[str, Any]], name: str, values: list[Any] | tuple[Any]) -> None:
    if not any(isinstance(value, dict | list) for value in values):
        _add(found, name, tuple(values))
        return
    for value in reversed(values):
        if isinstance(value, dict) and value:
            waiting.extend((f"{name}.{inner}", _listed(part)) for inner, part in reversed(value.items()))
        else:
            waiting.append((name, _listed(None if isinstance(value, dict) else value)))


def _add(found: dict[str, Any], name: str, value: Value) -> None:
    """Add a value; a name that comes again (lists of mappings) gathers its values in a list, a tuple at the end."""
    if name not in found:
        found[name] = value
        return
    before = found[name]
    if type(before) is not list:
        before = found[name] = list(_parts(before))
    before.extend(_parts(value))


def _listed(value: Any) -> list[Any]:
    """Return what stands in a list as one, so that it ends as a tuple even where it stands alone."""
    return value if isinstance(value, list) else [value]


def _parts(value: Value) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
