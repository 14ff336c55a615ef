"""One Sigma value to one atom: what pySigma read, in the engine's own operators."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import re2
from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from carecordon.pipeline.detect.sigma.encode import DASHES, Part
from carecordon.pipeline.detect.sigma.ir import Atom, Op
from carecordon.pipeline.detect.sigma.refusal import BadRule
from carecordon.pipeline.detect.sigma.texts import field_name
from carecordon.pipeline.detect.sigma.values import folded

MANY, ONE = SpecialChars.WILDCARD_MULTI, SpecialChars.WILDCARD_SINGLE
AFFIXES = frozenset({"contains", "startswith", "endswith"})
ANY_TEXT = "(?s).*"
MAX_STEPS = 16_384
"""Of a program of RE2: so many cost 5 µs for each byte of text at worst (regexes.py), more soon ten times that.

SigmaHQ's largest has 2,400, but for `.{1000,}`, which has 8,005 and is looked for otherwise.
"""
_SHAPES = {(True, False): Op.ENDS, (False, True): Op.STARTS, (True, True): Op.CONTAINS, (False, False): Op.EQ}
_NOT_LINEAR = re.compile(
    r"invalid perl operator: \(\?(?:[=!>R(&0-9]|<[=!]|P\Z)|invalid escape sequence: \\[0-9gkK]"
    r"|bad repetition operator: .\+\Z|invalid repetition size|pattern too large"
)


class Setting(NamedTuple):
    """What surrounds the value: its field ('' for keywords), the modifiers in order, whether case counts."""

    field: str
    modifiers: tuple[str, ...] = ()
    cased: bool = False


def atom(value: SigmaType, setting: Setting) -> Atom:
    """Return the atom of one value. Raises BadRule for what cannot be compared."""
    read = _READERS.get(type(value))
    if read is None:
        raise BadRule(f"a value of this sort cannot be compared: {value}")
    return read(value, setting)


def _string(value: SigmaString, setting: Setting) -> Atom:
    parts = _parts(value, setting)
    starts, ends = parts[:1] == [MANY], parts[-1:] == [MANY]
    inner = parts[starts : len(parts) - ends]
    if not inner and starts:
        return Atom(setting.field, Op.GLOB, ANY_TEXT, setting.cased)
    if all(isinstance(part, str) for part in inner):
        return Atom(setting.field, _SHAPES[starts, ends], "".join(map(str, inner)), setting.cased)
    pattern = "(?s)" + "".join(map(_pattern, parts))
    if regex_trouble(pattern) is not None:
        raise BadRule("the text with wildcards is too long; shorten it")
    return Atom(setting.field, Op.GLOB, pattern, setting.cased)


def _parts(value: SigmaString, setting: Setting) -> list[Part]:
    """Return the parts, open where an affix says so (a keyword is open at both ends), lower case unless cased."""
    parts: list[Part] = list(value.s)
    affixes = AFFIXES.intersection(setting.modifiers) or (() if setting.field else {"contains"})
    if "contains" in affixes or "endswith" in affixes:
        parts.insert(0, MANY)
    if "contains" in affixes or "startswith" in affixes:
        parts.append(MANY)
    kept: list[Part] = []
    for part in parts:
        if part is MANY and kept and kept[-1] is MANY:
            continue
        kept.append(folded(part) if isinstance(part, str) and not setting.cased else part)
    return kept


def _pattern(part: Part) -> str:
    if isinstance(part, str):
        return str(re2.escape(part))
    if isinstance(part, Placeholder):
        return f"[{DASHES.replace('-', '')}-]"
    return ".*" if part is MANY else "."


def _number(value: SigmaNumber, setting: Setting) -> Atom:
    text = repr(value.number) if isinstance(value.number, float) else str(value.number)
    return Atom(setting.field, Op.EQ if setting.field else Op.CONTAINS, text, setting.cased)


def _bool(value: SigmaBool, setting: Setting) -> Atom:
    text = "true" if value.boolean else "false"
    return Atom(setting.field, Op.EQ if setting.field else Op.CONTAINS, text, setting.cased)


def _null(_: SigmaNull, setting: Setting) -> Atom:
    _need_field(setting, "null")
    return Atom(setting.field, Op.NULL)


def _part(value: SigmaTimestampPart, setting: Setting) -> Atom:
    _need_field(setting, "a part of a date")
    return Atom(setting.field, Op.EQ, value.number, part=value.timestamp_part.name.lower())


def _compare(value: SigmaCompareExpression, setting: Setting) -> Atom:
    _need_field(setting, "a comparison of numbers")
    number = value.number
    part = number.timestamp_part.name.lower() if isinstance(number, SigmaTimestampPart) else ""
    if value.op is CompareOperators.NEQ:
        raise BadRule("numbers are told apart by the modifier `neq`")
    return Atom(setting.field, Op(value.op.name.lower()), number.number, part=part)


def _reference(value: SigmaFieldReference, setting: Setting) -> Atom:
    _need_field(setting, "a comparison of fields")
    shape = {
        (False, False): Op.REF_EQ,
        (True, False): Op.REF_STARTS,
        (False, True): Op.REF_ENDS,
        (True, True): Op.REF_CONTAINS,
    }
    return Atom(setting.field, shape[value.starts_with, value.ends_with], field_name(value.field), setting.cased)


def _cidr(value: SigmaCIDRExpression, setting: Setting) -> Atom:
    _need_field(setting, "a network")
    network = value.network
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return Atom(setting.field, Op.CIDR, f"{mapped}/{network.prefixlen - 96}")
    return Atom(setting.field, Op.CIDR, str(network))


def _regex(value: SigmaRegularExpression, setting: Setting) -> Atom:
    pattern = str(value.regexp)
    if "startswith" in setting.modifiers:
        pattern = rf"\A(?:{pattern})"
    if "endswith" in setting.modifiers:
        pattern = rf"(?:{pattern})\z"
    letters = "".join(sorted(SigmaRegularExpression.sigma_to_re_flag[flag] for flag in value.flags))
    pattern = f"(?{letters}){pattern}" if letters else pattern
    if (trouble := regex_trouble(pattern)) is not None:
        raise BadRule(trouble)
    return Atom(setting.field, Op.RE, pattern, cased=True)


@lru_cache(maxsize=4096)
def regex_trouble(pattern: str) -> str | None:
    """Return why RE2 cannot run this pattern, or not fast on every text; None if it can."""
    options = re2.Options()
    options.log_errors = False
    try:
        program = re2.compile(pattern, options)
    except re2.error as fault:
        reason = fault.args[0].decode(errors="replace") if isinstance(fault.args[0], bytes) else str(fault)
        if _NOT_LINEAR.match(reason):
            return (
                f"the regular expression cannot run in linear time, which we insist on: {reason};"
                " write it without look-around, back-references and large repetitions"
            )
        return f"the regular expression is not valid: {reason}"
    steps = max(program.programsize, program.reverseprogramsize)
    if steps > MAX_STEPS:
        return f"the regular expression makes {steps:,} steps; {MAX_STEPS:,} at most run fast on every text: shorten it"
    return None


def _need_field(setting: Setting, what: str) -> None:
    if not setting.field:
        raise BadRule(f"{what} needs a field to look at; a keyword has none")


_READERS: dict[type[SigmaType], Callable[..., Atom]] = {
    SigmaString: _string,
    SigmaNumber: _number,
    SigmaBool: _bool,
    SigmaNull: _null,
    SigmaTimestampPart: _part,
    SigmaCompareExpression: _compare,
    SigmaFieldReference: _reference,
    SigmaCIDRExpression: _cidr,
    SigmaRegularExpression: _regex,
}
