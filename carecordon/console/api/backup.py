"""A backup, taken while the hub runs; asked for at the hub itself, for it names a file of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import Body, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from carecordon.console.answer import encoded
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Caller, Hub
from carecordon.hub.backup.backup import backup
from carecordon.hub.backup.by_hand import elsewhere
from carecordon.hub.backup.target import check_target
from carecordon.hub.config import read_settings
from carecordon.hub.keeper.frozen import FrozenStore
from carecordon.model.errors import TheirFault
from carecordon.model.person import Role
from carecordon.model.times import rfc3339


class Wanted(BaseModel):
    """Where to, and what it is sealed to."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    target: str = Field(min_length=1, max_length=4_000, description="A whole path on the hub's machine; not there yet.")
    folder: tuple[int, int] | None = Field(
        None, description="Device and inode of the target's folder, as the asker sees it; the hub may see another."
    )
    passphrase: str = Field(min_length=1, max_length=1_000, repr=False)


def take(hub: Hub, caller: Caller, wanted: Annotated[Wanted, Body()]) -> Response:
    """Take a backup into a file that is not there yet; only on the hub's own socket."""
    if caller.token:
        raise HTTPException(403, "a backup is taken at the hub itself: `carecordon hub backup`")
    target = Path(wanted.target)
    if not target.is_absolute() or "\x00" in wanted.target:
        raise HTTPException(422, "target: give a whole path, from / on")
    try:
        check_target(hub.paths, target, wanted.folder)
        made = backup(hub.paths, target, wanted.passphrase, hub.clock(), FrozenStore(hub.paths))
    except TheirFault as fault:
        raise HTTPException(409, str(fault)) from fault
    told = {
        "target": str(target),
        "at": rfc3339(made.created),
        "files": len(made.files),
        "size_bytes": target.stat().st_size,
        "has_telemetry": made.has_telemetry,
        "elsewhere": elsewhere(hub.paths, read_settings(hub.paths.settings)),
    }
    return Response(encoded(told), media_type="application/json")


BACKUP = Endpoints(
    "backup",
    (Endpoint("POST", "/backup", take, Role.ADMIN, "backup", is_secret=True, told=("target",), form="object"),),
)
