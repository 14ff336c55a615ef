"""A plan's conditions as bit masks: asked for each new signature, so made to be asked fast.

A plan gives what it asks for bits; the atoms that hold for an event are one integer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import assert_never

import msgspec

from carecordon.pipeline.detect.sigma.nodes import AllOf, AnyOf, Every, Known, No, Some, Test, leaves


class AnyBit(msgspec.Struct, frozen=True, gc=False):
    """At least one bit of the mask is set."""

    mask: int

    def holds(self, truths: int) -> bool:
        """Return whether the condition holds when exactly the atoms of `truths` do."""
        return truths & self.mask != 0


class AllBits(msgspec.Struct, frozen=True, gc=False):
    """All bits of the mask are set."""

    mask: int

    def holds(self, truths: int) -> bool:
        """Return whether the condition holds when exactly the atoms of `truths` do."""
        return truths & self.mask == self.mask


class EveryPart(msgspec.Struct, frozen=True, gc=False):
    """All parts hold."""

    parts: tuple[Masked, ...]

    def holds(self, truths: int) -> bool:
        """Return whether the condition holds when exactly the atoms of `truths` do."""
        for part in self.parts:  # noqa: SIM110  # a generator would cost as much as the parts
            if not part.holds(truths):
                return False
        return True


class SomePart(msgspec.Struct, frozen=True, gc=False):
    """At least one part holds."""

    parts: tuple[Masked, ...]

    def holds(self, truths: int) -> bool:
        """Return whether the condition holds when exactly the atoms of `truths` do."""
        for part in self.parts:  # noqa: SIM110  # a generator would cost as much as the parts
            if part.holds(truths):
                return True
        return False


class NoPart(msgspec.Struct, frozen=True, gc=False):
    """The part does not hold."""

    part: Masked

    def holds(self, truths: int) -> bool:
        """Return whether the condition holds when exactly the atoms of `truths` do."""
        return not self.part.holds(truths)


Masked = AnyBit | AllBits | EveryPart | SomePart | NoPart


def bits_of(atoms: Iterable[int], tests: Iterable[Test]) -> dict[int, int]:
    """Return a bit for each of these atoms, in their order; atoms that no test tells apart have one together.

    So a list of a hundred thousand addresses is one bit, not a hundred thousand, each an integer as long.
    """
    parts: dict[int, list[int]] = defaultdict(list)
    told_apart: set[int] = set()
    seen: dict[frozenset[int], int] = {}
    for part in chain.from_iterable(map(leaves, tests)):
        if isinstance(part, AllOf):
            told_apart |= part.atoms
        elif part.atoms not in seen:
            seen[part.atoms] = len(seen)
            for atom in part.atoms:
                parts[atom].append(seen[part.atoms])
    bits: dict[object, int] = {}
    return {atom: bits.setdefault(atom if atom in told_apart else tuple(parts[atom]), 1 << len(bits)) for atom in atoms}


def mask_of(atoms: Iterable[int], bits: Mapping[int, int]) -> int:
    """Return the bits of these atoms, together."""
    mask = 0
    for atom in atoms:
        mask |= bits[atom]
    return mask


def masked(test: Test, bits: Mapping[int, int]) -> Masked:
    """Return a condition over the plan's bits."""
    match test:
        case AnyOf(atoms):
            return AnyBit(mask_of(atoms, bits))
        case AllOf(atoms):
            return AllBits(mask_of(atoms, bits))
        case Every(parts):
            return EveryPart(tuple(masked(part, bits) for part in parts))
        case Some(parts):
            return SomePart(tuple(masked(part, bits) for part in parts))
        case No(part):
            return NoPart(masked(part, bits))
        case Known(value):
            return EveryPart(()) if value else SomePart(())
    assert_never(test)
