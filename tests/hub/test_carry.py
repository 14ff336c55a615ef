"""The outbox is emptied by a real process to real receivers: nothing lost, at most one repeat a crash, no storm."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from carecordon.hub.carry.carry import AT_ONCE, IN_VAIN_LEAST, Carry, Receiver
from carecordon.hub.carry.receivers import names, targets
from carecordon.hub.config import Paths, read_settings
from carecordon.hub.pulse import read_pulses
from carecordon.model.errors import TheirFault
from carecordon.model.kept import Commit, Trouble
from carecordon.model.notice import NewNotice, NoticeRow
from carecordon.notify.channel import Target
from carecordon.notify.notice import encode
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register
from tests.notify.receiving import SECRET, Hooks, Mailbox, hook_server, is_signed, mail_server
from tests.notify.telling import NOON, notice, row

DEADLINE_S = 30.0
STEPS = ("due", "begun", "sent", "done")

PROBE = """
import os, signal, sys
import carecordon.hub.carry.carry as carry
from carecordon.register.backends.sql.outbox import SqlOutbox

step, flag = sys.argv[3], sys.argv[4]

def once():
    if not os.path.exists(flag):
        open(flag, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)

def after(owner, name, wanted):
    plain = getattr(owner, name)
    def then(*args, **options):
        given = plain(*args, **options)
        if wanted(given):
            once()
        return given
    setattr(owner, name, then)

if step == "due":
    after(SqlOutbox, "due", bool)
if step == "begun":
    after(SqlOutbox, "begun", lambda _: True)
if step == "done":
    after(SqlOutbox, "done", lambda _: True)
if step == "sent":
    plain = carry._sent
    async def sent(*args):
        given = await plain(*args)
        once()
        return given
    carry._sent = sent
carry.main()
"""


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end, f"it never came to be: {what}"
        time.sleep(0.02)


class Hub:
    """A hub with nothing but a register and settings."""

    def __init__(self, folder: Path, notify: str) -> None:
        self.paths = Paths(folder / "data", folder / "keys")
        self.paths.run.mkdir(parents=True)
        self.paths.keys.mkdir()
        (self.paths.keys / "hook.secret").write_text(SECRET + "\n")
        self.paths.settings.write_text(f'ods = "RX1"\nname = "Westpark Hospital"\n{notify}')
        SQLITE.prepare(str(self.paths.register))
        self.register: Register = SQLITE.open_register(str(self.paths.register))
        self.receivers = names(read_settings(self.paths.settings).notify)

    def put(self, *keys: str, level: str = "high") -> None:
        """Put a notice of each key in the outbox for all receivers."""
        cases = self.register.cases
        new = [
            NewNotice(receiver, key, None, level, key, encode(notice(key, level)), 0)
            for key in keys
            for receiver in self.receivers
        ]
        cases.commit(Commit(time.time_ns(), cases.position(), cases.position() + 1, notices=new))

    def states(self) -> dict[str, int]:
        return self.register.outbox.count()

    @contextmanager
    def carrying(self, *probe: str) -> Iterator[subprocess.Popen[bytes]]:
        start = ["-c", PROBE] if probe else ["-m", "carecordon.hub.carry"]
        command = [sys.executable, *start, str(self.paths.data), str(self.paths.keys), *probe]
        with (self.paths.data / "carry.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Hub, Mailbox, Hooks]]:
    """Return a hub that tells one person by mail and one program."""
    with ExitStack() as stack:
        box, hooks = stack.enter_context(mail_server()), stack.enter_context(hook_server())
        hub = Hub(tmp_path, _notify(box.port, hooks.url))
        stack.callback(hub.register.close)
        yield hub, box, hooks


def _notify(mail_port: int, url: str, digest_after: int = 10) -> str:
    return (
        f"[notify]\ndigest_after = {digest_after}\n"
        f'[[notify.mail]]\nhost = "127.0.0.1"\nport = {mail_port}\nstarttls = false\n'
        'sender = "hub@example.org"\nto = ["ann@example.org"]\n'
        f'[[notify.webhook]]\nurl = "{url}"\nsecret_file = "hook.secret"\n'
    )


def test_what_is_in_the_outbox_arrives_once_at_each_receiver(world: tuple[Hub, Mailbox, Hooks]) -> None:
    hub, box, hooks = world
    hub.put("a", "b")
    with hub.carrying() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        until(lambda: hub.states() == {"done": 4}, "all are done")
        hub.put("c")
        until(lambda: hub.states() == {"done": 6}, "what comes later is done too")
        until(lambda: any(p.figures.get("notices_delivered_total") == 6 for p in read_pulses(hub.paths.run)), "pulse")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    assert [mail["Subject"] for _, mail in box.mails] == [notice(key).subject for key in "abc"]
    assert [body["data"]["id"] for body in hooks.bodies()] == ["a", "b", "c"]
    assert all(is_signed(headers, body) for headers, body in hooks.got)
    logged = [json.loads(line) for line in (hub.paths.data / "carry.log").read_text().splitlines()]
    assert sum(line["event"] == "told" for line in logged) == 6
    assert SECRET not in (hub.paths.data / "carry.log").read_text()


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_between_two_steps_loses_nothing_and_repeats_one_at_most(
    world: tuple[Hub, Mailbox, Hooks], tmp_path: Path, step: str
) -> None:
    hub, box, hooks = world
    hub.put(*"abcde")
    flag = tmp_path / "killed"
    with hub.carrying(step, str(flag)) as process:
        assert process.wait(DEADLINE_S) == -signal.SIGKILL
    with hub.carrying(step, str(flag)):
        until(lambda: hub.states() == {"done": 10}, "all are done")
    by_mail = Counter(str(mail["Message-ID"]) for _, mail in box.mails)
    by_hook = Counter(headers["webhook-id"] for headers, _ in hooks.got)
    assert len(by_mail) == len(by_hook) == 5, "none is lost"
    repeats = sum(by_mail.values()) + sum(by_hook.values()) - 10
    assert repeats <= (0 if step == "due" else 2), "one at each receiver, at most"
    assert all(count <= 2 for count in (by_mail | by_hook).values())


def test_a_receiver_that_is_down_for_a_while_gets_all_of_it_later_and_the_other_does_not_wait(tmp_path: Path) -> None:
    with mail_server() as gone:
        port = gone.port
    with ExitStack() as stack:
        hooks = stack.enter_context(hook_server())
        hub = Hub(tmp_path, _notify(port, hooks.url))
        stack.callback(hub.register.close)
        hub.put("a", "b", "c")
        with hub.carrying():
            until(lambda: hub.states().get("done") == 3, "the program is told")
            until(lambda: any(row.tries and row.why for row in hub.register.outbox.all()), "mail is tried in vain")
            assert len(hooks.got) == 3
            box = stack.enter_context(mail_server(port))
            until(lambda: hub.states() == {"done": 6}, "mail is delivered when its server is back")
    assert sorted(str(mail["Subject"]) for _, mail in box.mails) == [notice(key).subject for key in "abc"]


def test_a_storm_is_a_few_notices_and_one_digest(tmp_path: Path) -> None:
    with mail_server() as box, hook_server() as hooks:
        hub = Hub(tmp_path, _notify(box.port, hooks.url, digest_after=3))
        hub.put(*(f"n{number:03}" for number in range(200)))
        hub.put("the worst", level="critical")
        with hub.carrying():
            until(lambda: hub.states() == {"done": 402}, "all are told")
        hub.register.close()
    assert len(box.mails) == len(hooks.got) == 4
    first, *_, digest = hooks.bodies()
    assert first["data"]["level"] == "critical"
    assert digest["type"] == "incidents.digest"
    assert digest["data"]["total"] == 198
    assert "198 more incidents at Westpark Hospital: 198 high" in str(box.mails[-1][1]["Subject"])


def test_one_who_wants_no_more_is_left_alone(world: tuple[Hub, Mailbox, Hooks]) -> None:
    hub, _, hooks = world
    hooks.answers += [(410, {})] * 5
    hub.put("a", "b", "c")
    with hub.carrying():
        until(lambda: hub.states() == {"done": 3, "failed": 3}, "mail goes on, the webhook is given up")
        assert len(hooks.got) == 1
        assert all("410" in row.why for row in hub.register.outbox.all() if row.channel.startswith("webhook/"))
        hub.register.outbox.again(None, "ann", time.time_ns())
        until(lambda: len(hooks.got) == 2 and hub.states().get("failed") == 3, "it still wants no more")
        assert len(hooks.got) == 2, "and is asked but once"
        hooks.answers.clear()
        hub.register.outbox.again(None, "ann", time.time_ns())
        until(lambda: hub.states() == {"done": 6}, "it is told when a person says so, without a start anew")


def test_a_notice_to_nobody_and_one_that_cannot_be_read_are_shown_as_failed(world: tuple[Hub, Mailbox, Hooks]) -> None:
    hub, box, _ = world
    broken = NewNotice(hub.receivers[0], "x", None, "high", "x", b"{", 0)
    nobody = NewNotice("mail/nobody@example.org", "x", None, "high", "x", encode(notice("x")), 0)
    hub.register.cases.commit(Commit(NOON, 0, 1, notices=[broken, nobody]))
    hub.put("a")
    with hub.carrying():
        until(lambda: hub.states() == {"done": 2, "failed": 2}, "the others go on")
    assert len(box.mails) == 1
    assert all(row.why for row in hub.register.outbox.all() if row.state == "failed")


def test_a_digest_that_may_have_arrived_goes_again_as_the_same_one(tmp_path: Path) -> None:
    with mail_server() as box, hook_server() as hooks:
        hub = Hub(tmp_path, _notify(box.port, hooks.url, digest_after=0))
        flag = tmp_path / "killed"
        hub.put(*(f"n{number}" for number in range(5)))
        with hub.carrying("sent", str(flag)) as process:
            assert process.wait(DEADLINE_S) == -signal.SIGKILL
        hub.put("later")
        with hub.carrying():
            # the killed one may not have begun the other receiver's: then that goes with what came later
            until(lambda: hub.states().get("done", 0) >= 10, "the digest of five is told")
        hub.register.close()
    ids = Counter(str(mail["Message-ID"]) for _, mail in box.mails) + Counter(
        head["webhook-id"] for head, _ in hooks.got
    )
    assert len(ids) == 2
    assert sum(ids.values()) in {3, 4}


class Lines:
    """An outbox in memory, to look at waits without waiting."""

    def __init__(self, rows: list[NoticeRow]) -> None:
        self.rows = rows
        self.next_tries: list[int | None] = []

    def due(self, now: int, limit: int, besides: set[str]) -> list[NoticeRow]:
        return [row for row in self.rows if row.next_try <= now and row.channel not in besides][:limit]

    def failed(self, numbers: list[int], why: str, next_try: int | None) -> None:
        self.next_tries.append(next_try)

    def begun(self, numbers: list[int], now: int, digest: str = "") -> None:
        return

    def went(self, channel: str, since: int, until: int) -> list[NoticeRow]:
        return []


def test_what_could_not_be_told_for_three_days_is_given_up_and_said() -> None:
    hour = 3_600 * 10**9
    for age, is_given_up in ((71 * hour, False), (73 * hour, True)):
        outbox: Any = Lines([row(1, channel="mail/ann", made=NOON - age)])
        receiver = Receiver(_unreachable(), in_vain=IN_VAIN_LEAST - 1)
        carry = Carry(outbox, {"mail/ann": receiver}, "Westpark", 10, lambda: NOON, Random(1))
        asyncio.run(_once(carry))
        assert (outbox.next_tries == [None]) is is_given_up
        assert receiver.quiet_until > NOON


def test_a_clock_that_jumps_ahead_makes_no_notice_too_old_to_be_told() -> None:
    outbox: Any = Lines([row(1, channel="mail/ann", made=NOON - 10 * 365 * 86_400 * 10**9)])
    carry = Carry(outbox, {"mail/ann": Receiver(_unreachable())}, "Westpark", 10, lambda: NOON, Random(1))
    asyncio.run(_once(carry))
    (next_try,) = outbox.next_tries
    assert next_try is not None


def test_a_receiver_is_left_alone_no_longer_than_the_longest_wait_whatever_the_clock_was() -> None:
    for quiet_until, tries in ((NOON + 10 * 365 * 86_400 * 10**9, 1), (NOON + 60 * 10**9, 0)):
        outbox: Any = Lines([row(1, channel="mail/ann")])
        receiver = Receiver(_unreachable(), quiet_until=quiet_until)
        carry = Carry(outbox, {"mail/ann": receiver}, "Westpark", 10, lambda: NOON, Random(1))
        asyncio.run(_once(carry))
        assert receiver.in_vain == tries


def test_what_waits_for_one_that_is_down_keeps_nothing_from_the_other(tmp_path: Path) -> None:
    with mail_server() as gone:
        port = gone.port
    with hook_server() as hooks:
        hub = Hub(tmp_path, _notify(port, hooks.url))
        mail = next(name for name in hub.receivers if not name.startswith("webhook/"))
        old = [NewNotice(mail, f"old{n}", None, "high", "x", encode(notice(f"old{n}")), 0) for n in range(2 * AT_ONCE)]
        hub.register.cases.commit(Commit(NOON, 0, 1, notices=old))
        hub.put("new")
        with hub.carrying():
            until(lambda: hub.states().get("done") == 1, "the program is told")
        hub.register.close()
    assert [body["data"]["id"] for body in hooks.bodies()] == ["new"]


def test_a_trouble_of_the_hub_is_told_to_each_receiver_once(world: tuple[Hub, Mailbox, Hooks]) -> None:
    hub, box, hooks = world
    hub.register.cases.trouble([Trouble("damage/d1", "damage", "d1", "ward-pc-07: its part is torn", NOON)])
    for _ in range(2):
        with hub.carrying() as process:
            until(lambda: hub.states() == {"done": 2}, "both are told")
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_S) == 0
    (body,) = hooks.bodies()
    assert (body["type"], body["data"]["kind"]) == ("hub.trouble", "damage")
    ((_, mail),) = box.mails
    assert "does not read back: ward-pc-07" in str(mail["Subject"])


def test_a_level_that_is_none_is_told(tmp_path: Path) -> None:
    hub = Hub(tmp_path, _notify(25, "http://127.0.0.1:1/"))
    hub.register.close()
    settings = hub.paths.settings.read_text()
    hub.paths.settings.write_text(settings.replace("[notify]", '[notify]\nlevel = "grave"'))
    with hub.carrying() as process:
        assert process.wait(DEADLINE_S) == 2
    words = (hub.paths.data / "carry.log").read_text()
    assert "hub.toml" in words
    assert "`level` is" in words
    assert "grave" in words


def _unreachable() -> Any:
    return Target("webhook", "mail/ann", {"url": "http://127.0.0.1:1/"}, SECRET)


async def _once(carry: Carry) -> None:
    await carry.look()
    await carry.settled()


def test_a_secret_that_is_not_there_is_told(tmp_path: Path) -> None:
    hub = Hub(tmp_path, _notify(25, "http://127.0.0.1:1/"))
    hub.register.close()
    (hub.paths.keys / "hook.secret").unlink()
    settings = read_settings(hub.paths.settings)
    with pytest.raises(TheirFault, match=r"hook\.secret"):
        targets(settings.notify, hub.paths.keys)
    with hub.carrying() as process:
        assert process.wait(DEADLINE_S) == 2
