"""How an NHS number, an e-mail address, a telephone number and a user name look, and what only looks like one."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from carecordon.model.event import Value

REDACTED = r"\[(?:user|nhs|email|phone)-[0-9a-f]{8}\]"

FIELDS_KNOWN = 10_000
"""Names of fields whose meaning is remembered."""

_SPACE_OR_DASH = r"(?:[ \u00a0\u202f\-\u2010\u2011\u2013]|%20)"
_GAP = rf"(?:{_SPACE_OR_DASH}|[._])"
_LEFT = r"(?:(?<![0-9A-Za-z])|(?<=[g-wyz])|(?<=[g-wyz][a-f])|(?<=fax))(?<![0-9]\.)"
"""No digit before, and no letter but those of a word (`NHS`, `id`, `mobile`): hex digits and `0x` are none."""
_RIGHT = r"(?![0-9A-Za-z])(?!\.[0-9])"

_PASSED_OVER = (
    r"S-1-[0-9]+(?:-[0-9]+)+"
    r"|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:[+\-][0-9]{2}:?[0-9]{2})?)?"
    r"|[0-9]{1,2}[/\-.][0-9]{1,2}[/\-.][0-9]{4}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)?"
)
"""SIDs, GUIDs, dates with their times: groups of digits that are stepped over whole."""

_AT = "%40"
"""An at sign as it stands in a URL."""
_EMAIL = rf"(?<![\w.%+'\-])(?:[\w.+'\-]|%(?!40))++(?:@|{_AT})(?:[\w\-]++\.)+[\w\-]{{2,}}"

_PROFILE = (
    r"(?P<before>(?:\\(?:Users|Documents and Settings|home\$|profiles\$|users\$)|(?<![\w.])/(?:Users|home))[\\/]+)"
    rf"(?!{REDACTED})"
    r"(?P<name>[^\\/:*?\"<>|`\s](?:[^\\/:*?\"<>|`\r\n\t]{0,62}[^\\/:*?\"<>|`\s])?(?=[\\/])|[^\\/:*?\"<>|\s,;'`)\]}]+)"
)
"""A profile folder and the name of it: with a separator behind it the name may hold spaces."""

_NHS_GAPS = (rf"{_SPACE_OR_DASH}{{0,3}}", r"\.", "_", r"\+")
_NHS = "(?:" + "|".join(rf"[0-9]{{3}}{gap}[0-9]{{3}}{gap}[0-9]{{4}}" for gap in _NHS_GAPS) + ")"


def _uk(area_2: str, area_3: str, area_4: str, area_5: str) -> str:
    """Return the shapes of a British number by the length of its area code. Source: Ofcom, numbering plan."""
    return (
        rf"{area_2}[0-9]{{4}}{_GAP}?[0-9]{{4}}"
        rf"|{area_3}(?:[0-9]{{3}}{_GAP}?[0-9]{{3,4}}|[0-9]{{2}}{_GAP}[0-9]{{2}}{_GAP}[0-9]{{3}})"
        rf"|{area_4}(?:[0-9]{{5,6}}|[0-9]{{3}}{_GAP}[0-9]{{2,3}}|[0-9]{{2}}{_GAP}[0-9]{{2}}{_GAP}[0-9]{{2}})"
        rf"|{area_5}[0-9]{{4,5}}"
    )


def _areas(form: str) -> str:
    return _uk(*(form.replace("AREA", rf"[1-35789][0-9]{{{more}}}") for more in (1, 2, 3, 4)))


_UK_ABROAD = _areas(rf"AREA{_GAP}?")
_UK_AT_HOME = _areas(rf"(?:\(0AREA\){_GAP}?|0AREA{_GAP})")
_PHONE = (
    rf"(?:(?<![0-9A-Za-z+])|(?<=tel)|(?<=fax)|(?<=phone)|(?<=mobile))(?:\+|00)44{_GAP}?(?:\(0\){_GAP}?)?(?:{_UK_ABROAD}){_RIGHT}"
    rf"|{_LEFT}(?:{_UK_AT_HOME}|0[1-35789][0-9]{{9}}){_RIGHT}"
    rf"|(?<![0-9A-Za-z+])(?:\+|00(?=[1-9][0-9]{{0,2}}{_GAP}))[1-9](?:[ \u00a0\-.]?\(?[0-9]\)?){{7,14}}{_RIGHT}"
)
"""British numbers with +44 or 0, then any number with + or 00: 8 to 15 digits. Source: ITU-T E.164."""

_KINDS = (
    rf"(?P<email>{_EMAIL})",
    rf"(?P<over>{_LEFT}(?:{_PASSED_OVER})(?![0-9A-Za-z]))",
    _PROFILE,
    rf"(?P<nhs>{_LEFT}{_NHS}{_RIGHT})|(?P<phone>{_PHONE})",
)
_ENOUGH_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){7}")
_MAYBE_PROFILE = re.compile(r"users|documents and settings|home|profiles", re.IGNORECASE)


@cache
def _pattern(*, email: bool, profile: bool, digits: bool) -> re.Pattern[str]:
    """Return a pattern for what is wanted: to look for what cannot be there costs most."""
    wanted = [kind for kind, is_in in zip(_KINDS, (email, digits, profile, digits), strict=True) if is_in]
    return re.compile("|".join([rf"(?P<token>{REDACTED})", *wanted]), re.IGNORECASE)


def personal(text: str) -> re.Pattern[str] | None:
    """Return the pattern of all that may be recognised by its shape in this text; None if there can be nothing.

    Its groups: `token` and `over` are stepped over; `email`, `nhs`, `phone`; `before` and
    `name` of a profile folder (`name` is the last group that matched).
    """
    digits = _ENOUGH_DIGITS.search(text) is not None
    email, profile = "@" in text or _AT in text, has_profile(text)
    return _pattern(email=email, profile=profile, digits=digits) if email or profile or digits else None


def has_profile(text: str) -> bool:
    """Say whether a profile folder may be in the text."""
    return ("\\" in text or "/" in text) and _MAYBE_PROFILE.search(text) is not None


_USER_FIELD = re.compile(
    r"(?:user|username|userfullname|accountname|loginname|logonname|membername|userprincipalname)$", re.ASCII
)
_NAMED_BY_EVENT = {
    4768: "ServiceName", 4769: "ServiceName", 4770: "ServiceName",
    4720: "DisplayName", 4738: "DisplayName", 4781: "DisplayName",
}  # fmt: skip
"""Fields that name an account in these events of the Security log, and something else in others."""
_OF_A_GROUP = frozenset({*range(4727, 4738), *range(4754, 4759), 4764, 4799})
"""Events of the Security log whose target is a group, not a person."""
_LOG_FIELD = re.compile(
    r"(?:system|event|winlog|windowslog)?(?:channel|logname|eventlog|providername|eventsourcename)", re.ASCII
)
_DOMAIN_FIELD = re.compile(r"(?:userdomain|domainname|accountdomain)$", re.ASCII)

_SYSTEM_DOMAINS = frozenset(
    {
        "nt authority", "nt-autorität", "autorite nt", "nt service", "nt virtual machine", "builtin", "iis apppool",
        "window manager", "font driver host",
    }
)  # fmt: skip
_SYSTEM_NAMES = frozenset(
    {
        "system", "localsystem", "local service", "localservice", "network service", "networkservice",
        "anonymous logon", "everyone", "administrators", "administrator", "guest", "defaultaccount",
        "wdagutilityaccount", "krbtgt", "iusr", "root", "nobody", "public", "default", "default user",
        "defaultuser0", "all users", "users", "unknown", "n/a", "none", "null", "not_translated",
    }
)  # fmt: skip
_NO_NAME = re.compile(
    rf"[\W_]*|%%[0-9]+|S-1-[0-9-]+|\{{?[0-9a-f]{{8}}-[0-9a-f-]{{27}}\}}?|(?:dwm|umfd)-[0-9]+|krbtgt/.*|{REDACTED}",
    re.IGNORECASE,
)
COMMON_WORDS = frozenset(
    {
        "user", "admin", "administrator", "test", "guest", "service", "svc", "windows", "program", "files", "local",
        "temp", "net", "cmd", "powershell", "python", "start", "stop", "add", "delete", "query", "group", "domain",
        "computer", "server", "client", "host", "true", "false", "backup", "support", "owner", "operator", "data",
        "app", "www", "it", "pc", "nt", "to", "in", "on", "of", "or",
    }
)  # fmt: skip
"""Words of commands and paths: as a user name they say nothing of a person, and are replaced only in a name's place."""


_COUNT_FIELD = re.compile(r"(?:eventid|recordid|recordnumber|processid|threadid|port)$", re.ASCII)
_NO_NUMBER_NAME = re.compile(
    rf"(?<![0-9A-Za-z])(?:{_PASSED_OVER}|(?:[0-9a-f]{{0,4}}:){{2,7}}[0-9a-f]{{0,4}})(?![0-9A-Za-z])"
    r"|(?<![0-9.])(?:[0-9]{1,3}(?:\.[0-9]+){2,}(?:[:/][0-9]+)?|[0-9]{1,3}\.[0-9]+)(?![\w.])"
    r"|record ids? [0-9]+(?: to [0-9]+)?",
    re.IGNORECASE,
)
"""Where a number is no user name, though a user has it: SIDs, GUIDs, dates, addresses, versions, record ids."""
_NAMED_IN_COMMAND = re.compile(
    r"(?<!\w)(?:[/\-]{1,2}user(?:name)?[:=]|(?<!-)-user(?:name)?\s+)[\"']?(?P<user>\w[^\s\"',;&|<>]*)"
    r"|\bnet1?(?:\.exe)?[\"']?\s+user\s+[\"']?(?P<net>\w[^\s\"',;&|<>]*)"
    r"|\bnet1?(?:\.exe)?[\"']?\s+(?:local)?group\s+(?:\"[^\"]*\"|\w\S*)\s+[\"']?(?P<group>\w[^\s\"',;&|<>]*)",
    re.IGNORECASE,
)


def without_numbers(text: str) -> list[tuple[int, int]]:
    """Return start and end of the parts of a text whose numbers are no user names."""
    return [found.span() for found in _NO_NUMBER_NAME.finditer(text)]


def accounts_in_command(text: str) -> list[str]:
    r"""Return the accounts that a command line names: `/user:DOMAIN\name`, `net user name`, `net group "…" name`."""
    return [found[found.lastgroup or 0] for found in _NAMED_IN_COMMAND.finditer(text)]


def is_nhs_number(digits: str) -> bool:
    """Say whether ten digits are an NHS number: the last one is right by modulus 11, and not all are alike.

    Source: NHS Data Model and Dictionary, NHS NUMBER (weights 10 to 2; 11 counts as 0, 10 is never used).
    """
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False))
    return len(set(digits)) > 1 and (11 - total % 11) % 11 == int(digits[9])


@lru_cache(FIELDS_KNOWN)
def bears_user(field: str, event_id: int | None = None) -> bool:
    """Say whether a field holds a user name, by its own name, or because of the event it stands in."""
    if event_id in _OF_A_GROUP and field.endswith("TargetUserName"):
        return False
    if event_id in _NAMED_BY_EVENT and field.endswith(_NAMED_BY_EVENT[event_id]):
        return True
    return _USER_FIELD.search(_plain(field)) is not None


def counts(field: str, value: Value) -> bool:
    """Say whether a value is a number of Windows' own, too short for a patient's: an id of a record or a process."""
    return isinstance(value, str | int) and len(str(value)) < 10 and _is_count(field)


@lru_cache(FIELDS_KNOWN)
def bears_domain(field: str) -> bool:
    """Say whether a field holds the domain of a user."""
    return _DOMAIN_FIELD.search(_plain(field)) is not None


@lru_cache(FIELDS_KNOWN)
def bears_log(field: str) -> bool:
    """Say whether a field holds the name of a log or of a provider."""
    return _LOG_FIELD.fullmatch(_plain(field)) is not None


def is_system(domain: str, name: str) -> bool:
    """Say whether an account belongs to no person: built in, a machine's (`$`), or not a name at all."""
    return (
        name.endswith("$")
        or name.lower() in _SYSTEM_NAMES
        or domain.lower() in _SYSTEM_DOMAINS
        or _NO_NAME.fullmatch(name) is not None
    )


@lru_cache(FIELDS_KNOWN)
def _is_count(field: str) -> bool:
    return _COUNT_FIELD.search(_plain(field)) is not None


def _plain(field: str) -> str:
    return re.sub(r"[._\- ]", "", field).lower()
