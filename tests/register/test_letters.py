"""Dead letters: kept once, played again when a person says so, never without end; checkpoints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carecordon.model.kept import Letter
from carecordon.register.backends.sql import letters
from carecordon.register.register import Register
from tests.register.example import NOW

ONE = Letter("part/1", "stream 1, position 4", "three tries", b"payload", NOW)
TWO = replace(ONE, key="part/2")


def test_a_letter_is_kept_once(register: Register) -> None:
    register.letters.add([ONE])
    register.letters.add([replace(ONE, reason="another"), TWO])
    assert [(one.letter.key, one.letter.payload, one.size_bytes) for one in register.letters.all()] == [
        ("part/2", b"", 7),
        ("part/1", b"", 7),
    ]
    found = [register.letters.get(number) for number in (1, 2, 9)]
    assert [one and one.letter for one in found] == [ONE, TWO, None]
    assert register.letters.count() == 2


def test_a_letter_is_played_again_once(register: Register) -> None:
    register.letters.add([ONE, TWO])
    assert register.letters.marked() == []
    assert register.letters.replayed(1, "ada", NOW + 1)
    assert not register.letters.replayed(1, "ada", NOW + 2)
    (marked,) = register.letters.marked()
    assert (marked.letter, marked.replayed, marked.done) == (ONE, NOW + 1, None)
    register.letters.done(1, NOW + 3)
    register.letters.done(2, NOW + 3)
    assert register.letters.marked() == []
    (played,) = register.letters.all(is_replayed=True)
    assert (played.number, played.done, played.size_bytes) == (1, NOW + 3, 0)
    assert [one.letter.key for one in register.letters.all()] == ["part/2"]
    assert register.letters.count() == 1
    assert [entry.act.verb for entry in register.audit.entries()] == ["replay"]


@pytest.mark.parametrize("is_done", [False, True])
def test_what_fails_again_waits_anew(register: Register, *, is_done: bool) -> None:
    register.letters.add([ONE])
    register.letters.replayed(1, "ada", NOW + 1)
    if is_done:
        register.letters.done(1, NOW + 2)
    register.letters.add([replace(ONE, reason="still")])
    waits = register.letters.get(1)
    assert waits is not None
    assert register.letters.count() == 1
    assert (waits.number, waits.letter.reason, waits.letter.payload) == (1, "still", b"payload")
    assert (waits.replayed, waits.done) == (None, None)


def test_content_has_its_bounds(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "MAX_BYTES", 10)
    register.letters.add([ONE, TWO])
    two, one = register.letters.all()
    assert (one.size_bytes, two.size_bytes) == (7, 0)
    assert "no room for its content" in two.letter.reason
    register.letters.replayed(1, "ada", NOW)
    register.letters.done(1, NOW)
    register.letters.add([replace(ONE, key="part/3")])
    assert register.letters.all()[0].size_bytes == 7


def test_letters_have_their_bounds(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "MAX_LETTERS", 2)
    register.letters.add([replace(ONE, key=f"part/{number}") for number in range(5)])
    register.letters.add([replace(ONE, key="part/9")])
    found = register.letters.all()
    assert [one.letter.key for one in found] == ["overflow", "part/1", "part/0"]
    assert found[0].letter.reason.startswith("4 more dead letters were only counted")


def test_a_checkpoint_is_replaced(register: Register) -> None:
    assert register.checkpoints.get("worker") is None
    register.checkpoints.set("worker", b"one")
    register.checkpoints.set("worker", b"two")
    register.checkpoints.set("other", b"")
    assert (register.checkpoints.get("worker"), register.checkpoints.get("other")) == (b"two", b"")
