"""What is long over is forgotten; what lasts, and that somebody was told, is not."""

from __future__ import annotations

from dataclasses import replace

from carecordon.model.kept import Commit, Letter, Trouble
from carecordon.register.register import Register
from tests.register.example import HOUR, NOW, alert, device, enrol_token, incident, notice

DAY = 24 * HOUR


def test_only_what_is_over_is_forgotten(register: Register) -> None:
    lasting = Trouble("silent/1", "silent", "WARD-1", "it is silent", NOW)
    letter = Letter("part/1", "here", "three tries", b"payload", NOW)
    told = Commit(NOW, 0, 1, incidents=[incident("i1", [alert(10)])], notices=[notice("i1"), notice(None)])
    register.cases.commit(told)
    register.cases.trouble([lasting, replace(lasting, key="silent/2", until=NOW + 1)])
    register.letters.add([letter, replace(letter, key="part/2")])
    register.letters.replayed(1, "ada", NOW)
    register.letters.done(1, NOW)
    register.devices.add_enrol_token(enrol_token(1))
    register.devices.add(device(1), "ward", NOW)
    register.outbox.begun([1, 2], NOW)
    register.outbox.done([1], NOW)
    assert register.tidy(NOW) == 0
    assert register.tidy(NOW + DAY) == 4
    assert register.tidy(NOW + DAY) == 0
    assert register.cases.troubles(is_over=None) == [lasting]
    assert [one.letter.key for one in register.letters.all(is_replayed=None)] == ["part/2"]
    assert register.devices.enrol_tokens() == []
    assert register.devices.by_certificate(device(1).certificate.fingerprint) is not None
    assert [one.body for one in register.outbox.all()] == [b"{}", b""]
    register.cases.commit(replace(told, after=1, position=2))
    assert len(register.outbox.all()) == 2
    assert register.tidy(NOW + 229 * DAY) == 0
    assert register.tidy(NOW + 231 * DAY) == 1
    assert register.devices.by_certificate(device(1).certificate.fingerprint) is None
    assert register.cases.incident("i1") is not None
    assert register.audit.verify() == []
