"""Workers that are killed again and again over a real store: it holds every event, and each once."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from carecordon.telemetry.answer import Answer, Place
from tests.hub.property_kit import EPOCH, Blade, Hub, Killed, founded, part, template
from tests.hub.property_moves import SENT
from tests.hub.property_world import ROUND_S, SECOND, detector_of, world
from tests.telemetry.keeping import keeping

KILLS = (3, 4, 8, 5, 9)
"""Steps at which all is killed, one life after another: behind an insert, a publish, in the next turn, and so on."""


def test_a_real_store_holds_each_event_once(tmp_path: Path) -> None:
    today = time.time_ns() // SECOND * SECOND  # the store forgets what is a month old
    detector = detector_of(tmp_path / "rules")
    folder = founded(tmp_path / "hub", template(tmp_path / "template.db"))
    with keeping(tmp_path / "keeper") as kept:
        store, reader = kept.telemetry(), kept.reader()
        hub = Hub(folder, detector, telemetry=store)
        sent: list[tuple[str, int]] = []
        for begin, fresh in world(16, rounds=1, begin=today).rounds:
            hub.now = begin + ROUND_S * SECOND
            for sender in SENT:
                for again in range(2):
                    hub.gate([part(fresh[sender], one, one) for one in range(len(fresh[sender]))[again:]])
                sent += [(sender, one) for one in range(len(fresh[sender]))]
        for at in KILLS:
            hub.restart(Blade(at))
            with suppress(Killed):
                hub.rest()
        hub.restart()
        hub.rest()
        hub.close()
        told = reader.ask("SELECT count() FROM events")
        assert isinstance(told, Answer)
        assert told.rows == ((len(sent),),)
        assert all(reader.event(Place(sender, EPOCH, number)) is not None for sender, number in sent)
        store.close()
        reader.close()
