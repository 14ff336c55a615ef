"""A condition over atom numbers: what remains of a rule once every value comparison has a number.

`fold` puts in what is already known of a kind of event and drops the parts that this
decides; masks.py asks what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import msgspec

Truths = frozenset[int]


class AnyOf(msgspec.Struct, frozen=True, gc=False):
    """At least one of these atoms holds."""

    atoms: Truths


class AllOf(msgspec.Struct, frozen=True, gc=False):
    """Every one of these atoms holds."""

    atoms: Truths


class Every(msgspec.Struct, frozen=True, gc=False):
    """All parts hold."""

    parts: tuple[Test, ...]


class Some(msgspec.Struct, frozen=True, gc=False):
    """At least one part holds."""

    parts: tuple[Test, ...]


class No(msgspec.Struct, frozen=True, gc=False):
    """The part does not hold."""

    part: Test


class Known(msgspec.Struct, frozen=True, gc=False):
    """A constant."""

    value: bool


Test = AnyOf | AllOf | Every | Some | No | Known

TRUE = Known(True)
FALSE = Known(False)


def fold(test: Test, known: Truths, truths: Truths) -> Test:
    """Return the test with the atoms of `known` replaced by whether they are among `truths`."""
    match test:
        case AnyOf(atoms):
            if not atoms.isdisjoint(truths):
                return TRUE
            rest = atoms - known
            return test if rest == atoms else (AnyOf(rest) if rest else FALSE)
        case AllOf(atoms):
            rest = atoms - truths
            if not rest.isdisjoint(known):
                return FALSE
            return test if rest == atoms else (AllOf(rest) if rest else TRUE)
        case No(part):
            inner = fold(part, known, truths)
            return Known(not inner.value) if isinstance(inner, Known) else (test if inner is part else No(inner))
        case Every(parts):
            return _join(test, parts, known, truths, decisive=False)
        case Some(parts):
            return _join(test, parts, known, truths, decisive=True)
        case Known():
            return test
    assert_never(test)


def _join(test: Every | Some, parts: tuple[Test, ...], known: Truths, truths: Truths, *, decisive: bool) -> Test:
    """Fold the parts of a junction that one `decisive` part settles."""
    left: list[Test] = []
    changed = False
    for part in parts:
        inner = fold(part, known, truths)
        if isinstance(inner, Known):
            if inner.value is decisive:
                return inner
            changed = True
            continue
        changed = changed or inner is not part
        left.append(inner)
    if not changed:
        return test
    if not left:
        return Known(not decisive)
    return left[0] if len(left) == 1 else type(test)(tuple(left))


def leaves(test: Test) -> Iterator[AnyOf | AllOf]:
    """Yield the parts of the test that speak of atoms."""
    match test:
        case AnyOf() | AllOf():
            yield test
        case No(part):
            yield from leaves(part)
        case Every(parts) | Some(parts):
            for part in parts:
                yield from leaves(part)
        case Known():
            return
        case _:
            assert_never(test)


def atoms_of(test: Test) -> Truths:
    """Return every atom that the test mentions."""
    return frozenset().union(*(part.atoms for part in leaves(test)))


def demand(test: Test, rarity: list[int]) -> Truths | None:
    """Return atoms of which at least one must hold for the test to hold, None where there are none.

    Of several such sets the one whose commonest atom is the rarest is chosen.
    """
    match test:
        case AnyOf(atoms):
            return atoms
        case AllOf(atoms):
            return frozenset({max(atoms, key=rarity.__getitem__)})
        case Every(parts):
            found = [atoms for atoms in (demand(part, rarity) for part in parts) if atoms]
            if not found:
                return None
            return max(found, key=lambda atoms: (min(rarity[atom] for atom in atoms), -len(atoms)))
        case Some(parts):
            each = [demand(part, rarity) for part in parts]
            return frozenset().union(*(atoms for atoms in each if atoms)) if all(each) else None
        case No() | Known():
            return None
    assert_never(test)
