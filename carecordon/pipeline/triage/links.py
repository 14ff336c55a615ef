"""What ties two matches together: a link is a kind, a scope and a value that both show, not too far apart in time."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from carecordon.model.match import Level
from carecordon.pipeline.triage.ordinary import (
    account_domain,
    account_name,
    base_name,
    is_everywhere,
    is_local,
    is_person,
    telling_address,
)
from carecordon.pipeline.triage.subject import Subject

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
HORIZON_NS = 24 * HOUR
"""How late a match may come and still change nothing but what it ought to."""


class Tie(StrEnum):
    """Kinds of links. SOURCE to SERVICE may hold across devices, the others hold on one device only."""

    TREE = "process tree"
    PID = "process id"
    LOGON = "logon"
    RULE = "rule"
    NEAR = "time"
    SOURCE = "source address"
    ACCOUNT = "account"
    HASH = "file hash"
    FILE = "file name"
    SERVICE = "service name"
    MEMBER = "correlated event"
    MOMENT = "moment"


GAP_NS = {
    Tie.TREE: 24 * HOUR,
    Tie.PID: HOUR,
    Tie.LOGON: HOUR,
    Tie.RULE: 24 * HOUR,
    Tie.NEAR: 300 * SECOND,
    Tie.SOURCE: 4 * HOUR,
    Tie.ACCOUNT: 4 * HOUR,
    Tie.HASH: 24 * HOUR,
    Tie.FILE: 24 * HOUR,
    Tie.SERVICE: 24 * HOUR,
    Tie.MEMBER: 24 * HOUR,
    Tie.MOMENT: 24 * HOUR,
}
"""How far apart in event time two matches may be that a link ties. Within the horizon, all of them."""
ACROSS = frozenset({Tie.SOURCE, Tie.ACCOUNT, Tie.HASH, Tie.FILE, Tie.SERVICE})
"""Links that may tie devices. Time never does: two devices with trouble at one moment are two troubles."""
LEAST = Level.MEDIUM
"""From this level on a match ties more than its own process, logon and rule."""

Link = tuple[Tie, str, str]
"""Kind, scope (a device, or '' for all), value."""


def links_of(subject: Subject, rule_id: str, level: Level, device: str) -> Iterator[Link]:
    """Yield what a match is tied by, but for its process tree, which asks for the processes that are known."""
    actor = subject.accounts[0] if subject.accounts else ""
    yield Tie.RULE, device, f"{rule_id} {subject.image or actor}".lower()
    for logon in subject.logons:
        yield Tie.LOGON, device, logon
    names = [base_name(path) for path in (*subject.files, subject.image or "") if path and not is_everywhere(path)]
    for name in filter(None, names):
        yield Tie.FILE, device, name
    if level.rank < LEAST.rank:
        return
    yield Tie.NEAR, device, ""
    yield from addresses(subject)
    for account in subject.accounts:
        if is_person(account):
            name = f"{account_domain(account)}\\{account_name(account)}".lstrip("\\")
            yield Tie.ACCOUNT, device if is_local(account, device) else "", name
    for name in filter(None, names):
        yield Tie.FILE, "", name
    if subject.hash is not None and subject.image is not None and not is_everywhere(subject.image):
        yield Tie.HASH, "", subject.hash
    if subject.service is not None:
        yield Tie.SERVICE, "", subject.service.lower()


def moment(device: str, time: int, minutes_later: int = 0) -> Link:
    """Return the link of what a correlation counts with what is of level high within a minute after it."""
    return Tie.MOMENT, device, str(time // MINUTE + minutes_later)


def addresses(subject: Subject) -> Iterator[Link]:
    """Yield the links of where something came from; the device's own address ties it to what it did elsewhere."""
    for address in dict.fromkeys((telling_address(subject.source), telling_address(subject.own))):
        if address is not None:
            yield Tie.SOURCE, "", address
