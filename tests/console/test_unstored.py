"""What the hub itself found of a device lies in no store of events, and is in the story all the same."""

from __future__ import annotations

import pytest

from carecordon.console.premises import Premises
from carecordon.console.questions import Questions
from carecordon.console.telling import brief_of, case_of
from carecordon.hub.config import read_settings
from carecordon.hub.keeper.store import open_reader
from carecordon.hub.news.doubts import COPIED, Named, Sign, doubt
from carecordon.model.incident import Alert
from carecordon.register.identity import incident_of, told
from tests.console.living import DEVICE, NAME, Living
from tests.replacing import replace


@pytest.mark.parametrize("is_alone", [False, True])
def test_a_copied_key_is_told_beside_what_the_store_holds_and_alone(hub: Living, *, is_alone: bool) -> None:
    premises = Premises(
        hub.paths, read_settings(hub.paths.settings), hub.register, Questions(lambda: open_reader(hub.paths)), hub.words
    )
    row = hub.register.cases.incident(1)
    assert row is not None
    one = incident_of(row.body)
    match = doubt(Sign.EVIDENCE, Named(DEVICE, NAME), "both answered", one.first, "two_answer")
    alert = Alert(COPIED, NAME, None, one.first, one.first, 1, match)
    alone = replace(one, processes=(), entities=(), places=())
    changed = replace(alone if is_alone else one, alerts=(alert,) if is_alone else (*one.alerts, alert))
    case = case_of(premises, replace(row, body=told(changed, "RX1", lambda _: "").body))
    texts = " ".join(fact.text for fact in case.story.facts)
    assert "Two go on with the key of this device: both answered at the same time" in texts
    assert ("vssadmin" in texts) is not is_alone
    assert len({(event.file, event.position) for event in case.events}) == len(case.events)
    assert "which of the two" in " ".join(case.story.unknown).lower()
    assert brief_of(premises, 1)
