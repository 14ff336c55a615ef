"""What nobody was told of is shown where people look, with its reason, and can be sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from carecordon.model.kept import Commit
from carecordon.model.notice import NewNotice, NoticeState
from carecordon.model.person import Role
from tests.cli.test_hub_commands import Done
from tests.console.living import Living, living, user

WHOM = "mail/bob@example.org"
WHY = "tried for three days: it takes no connection"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("notices")) as made:
        cases, outbox = made.register.cases, made.register.outbox
        stands = cases.position()
        new = [NewNotice(WHOM, f"key {n}", None, "high", f"subject {n}", b"{}", made.now) for n in range(3)]
        cases.commit(Commit(made.now, stands, stands, notices=new))
        numbers = [row.number for row in outbox.all() if row.channel == WHOM]
        outbox.begun(numbers, made.now)
        outbox.failed(numbers, WHY, None)
        yield made


def failed(hub: Living) -> list[int]:
    return [row.number for row in hub.register.outbox.all(state=NoticeState.FAILED)]


def test_the_status_says_how_many_and_why(hub: Living) -> None:
    out = Done(hub, "status").out
    assert "3 notices were given up" in out
    for part in (WHOM, WHY, "carecordon hub notices"):
        assert part in out
    assert json.loads(Done(hub, "status", "--json").out)["last_untold"] == {"receiver": WHOM, "why": WHY}


def test_whom_it_failed_to_reach_is_told_to_those_who_may_list_notices(hub: Living) -> None:
    for role, is_told in ((Role.READER, False), (Role.ANALYST, True), (Role.ADMIN, True)):
        with hub.client(role) as client:
            assert (client.get("/notices").status_code == 200) is is_told
            told = [client.get("/status").json()]
            with client.stream("GET", "/watch") as answer:
                told.append(json.loads(next(answer.iter_lines())))
        for status in told:
            assert (status["last_untold"] is not None) is is_told
            assert status["notices"]["failed"] == 3, "that there are some is told to all"


def test_they_are_listed(hub: Living) -> None:
    table = Done(hub, "notices").out
    assert WHY in table
    assert "subject 2" in table
    rows = [json.loads(line) for line in Done(hub, "notices", "--json").out.splitlines()]
    assert [row["state"] for row in rows] == ["failed"] * 3
    assert len(Done(hub, "notices", "--csv").out.splitlines()) == 4
    everything = [json.loads(line) for line in Done(hub, "notices", "--all", "--json").out.splitlines()]
    assert {row["state"] for row in everything} == {"failed", "waiting"}


def test_they_are_sent_again_and_that_is_audited(hub: Living) -> None:
    *_, first = failed(hub)
    unknown = Done(hub, "notices", str(first), "987654", "--again")
    assert (unknown.status, "no such notice: 987654" in unknown.err) == (2, True)
    assert len(failed(hub)) == 3, "nothing was done"
    assert Done(hub, "notices", str(first)).status == 2, "numbers are for --again"
    done = Done(hub, "notices", str(first), "--again")
    assert (done.status, "Sent again: 1 notice." in done.out) == (0, True), done.said
    assert hub.audited(1)[0][:3] == (user(), "send-again", f"notices {first}")
    assert f"so nothing was done: {first}" in Done(hub, "notices", str(first), "--again").err
    assert "Sent again: 2 notices." in Done(hub, "notices", "--again").out
    assert failed(hub) == []
    assert "No notice was given up." in Done(hub, "notices").out
    assert "given up" not in Done(hub, "status").out
