"""`carecordon hub alerts`: what incidents are made of, correlations among it, as the API and a terminal show it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from carecordon.model.incident import Chain
from carecordon.model.kept import Commit
from carecordon.model.match import Level, RuleHead
from carecordon.register.identity import incident_of, told
from tests.cli.test_hub_commands import Done
from tests.console.living import NAME, Living, living
from tests.replacing import replace

SPRAY = RuleHead("22222222-0000-4000-8000-000000000001", "Many devices by one account", Level.HIGH, (), "b.yml", 1)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("alerts")) as made:
        row = made.register.cases.incident(1)
        assert row is not None
        one = incident_of(row.body)
        sample, devices = one.alerts[0].sample, ("other", NAME)
        chain = Chain(SPRAY, 4.5, one.first, one.last, {"User": "WPH\\it.lane"}, devices, 7, sample)
        stands = made.register.cases.position()
        now = [told(replace(one, chains=(chain,)), "RX1", lambda _: "")]
        made.register.cases.commit(Commit(made.now, stands, stands, incidents=now))
        yield made


def test_alerts_at_a_terminal_and_a_correlation_among_them(hub: Living) -> None:
    table = Done(hub, "alerts").out
    for part in ("Who am I", NAME, "Many devices by one account", "User=WPH\\it.lane", "high"):
        assert part in table
    assert "|" not in table
    lines = [json.loads(line) for line in Done(hub, "alerts", "--incident", "1", "--json").out.splitlines()]
    assert len(lines) == 3
    (line,) = [line for line in lines if line["rule_id"] == SPRAY.id]
    assert (line["device"], line["count"], line["level"], line["incident"]) == ("", 7, "high", 1)
    assert "No alert" in Done(hub, "alerts", "--rule", "elsewhere").out
    assert len(Done(hub, "alerts", "--rule", SPRAY.id, "--csv").out.splitlines()) == 2


def test_a_correlation_is_shown_by_its_id_with_the_first_of_its_events(hub: Living) -> None:
    with hub.client() as client:
        (row,) = client.get("/alerts", params={"rule": SPRAY.id}).json()["rows"]
        one = client.get(f"/alerts/{row['id']}").json()
        assert one["title"] == SPRAY.title
        assert one["sample"]["fields"]["CommandLine"]
        assert client.get("/incidents/1").json()["correlations"][0]["count"] == 4.5
