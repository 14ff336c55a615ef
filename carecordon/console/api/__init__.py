"""What can be asked and done: one file each, named like what it is about."""

from __future__ import annotations

from carecordon.console.api.alerts import ALERTS
from carecordon.console.api.ask import ASK
from carecordon.console.api.audit import AUDIT
from carecordon.console.api.backup import BACKUP
from carecordon.console.api.dead_letters import DEAD_LETTERS
from carecordon.console.api.devices import DEVICES
from carecordon.console.api.enrol_tokens import ENROL_TOKENS
from carecordon.console.api.incidents import INCIDENTS
from carecordon.console.api.notices import NOTICES
from carecordon.console.api.people import PEOPLE
from carecordon.console.api.ready import READY
from carecordon.console.api.status import STATUS
from carecordon.console.endpoint import Endpoints

SHELF: tuple[Endpoints, ...] = (
    STATUS, INCIDENTS, ALERTS, DEVICES, ASK, READY, ENROL_TOKENS, PEOPLE, NOTICES, DEAD_LETTERS, AUDIT,
    BACKUP,
)  # fmt: skip
