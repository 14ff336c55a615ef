"""A process as its start was seen: who started what, as whom, and out of which process."""

from __future__ import annotations

from msgspec import Struct


class ProcessStart(Struct, frozen=True):
    """One process creation (Sysmon 1, Security 4688). What the event does not say is None.

    `guid` Sysmon's own id of a process, which is never used twice; a `pid` is, once its
    process has ended. `time` UTC ns; `logon` as the event spells it (`0x3e7`); `file` and
    `position` say where the event stands.
    """

    device: str
    time: int
    pid: int | None
    guid: str | None
    parent_pid: int | None
    parent_guid: str | None
    image: str | None
    parent_image: str | None
    command_line: str | None
    account: str | None
    logon: str | None
    file: str
    position: int
