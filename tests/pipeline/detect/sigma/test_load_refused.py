"""A refusal names path, line and column of what is wrong, the rule's id, and what to do."""

from __future__ import annotations

import pytest

from carecordon.pipeline.detect.sigma.load import load
from carecordon.pipeline.detect.sigma.texts import RuleText
from tests.pipeline.detect.sigma.rule_text import SECURITY, load_text, refused, rule_text

SELECTION = "detection: {s: {A: 1}, condition: s}"

# document, line, column, id, part of the reason
PLACES = [
    (f"id: r\n{SECURITY}\n{SELECTION}", 1, 1, "r", "no `title`"),
    (f"title: ''\n{SECURITY}\n{SELECTION}", 1, 1, None, "no `title`"),
    (f"title: {'t' * 257}\n{SECURITY}\n{SELECTION}", 1, 8, None, "longer than 256"),
    (f"title: t\nlevel:   severe\n{SECURITY}\n{SELECTION}", 2, 10, None, "`severe` is no level"),
    (f"title: t\nid: [1]\n{SECURITY}\n{SELECTION}", 2, 5, None, "`id` must be text"),
    (f"title: t\n{SELECTION}", 1, 1, None, "no `logsource`"),
    (f"title: t\nlogsource: windows\n{SELECTION}", 2, 1, None, "no `logsource`"),
    (f"title: t\nlogsource: {{definition: x}}\n{SELECTION}", 2, 1, None, "neither product"),
    (f"title: t\nlogsource:\n  product: [a]\n{SELECTION}", 3, 12, None, "`product` must be text"),
    (f"title: t\n{SECURITY}\ndetection: x", 3, 1, None, "must be a mapping"),
    (f"title: t\n{SECURITY}\ndetection:\n  s: {{A: 1}}", 3, 1, None, "no `condition`"),
    (f"title: t\n{SECURITY}\ndetection:\n  condition: s", 3, 1, None, "no selection"),
    (f"title: t\n{SECURITY}\ndetection:\n  s: {{}}\n  condition: s", 4, 3, None, "selection is empty"),
    (f"title: t\n{SECURITY}\ndetection:\n  s:\n  - A: 1\n  - B|x: 1\n  condition: s", 6, 5, None, "no modifier `x`"),
    (f"title: t\n{SECURITY}\ndetection:\n  s: {{A: 1}}\n  timeframe: 5m\n  condition: s", 5, 3, None, "`timespan`"),
    (f"title: t\naction: global\n{SECURITY}", 2, 1, None, "`action`"),
    ("title: t\nauthor: x", 1, 1, None, "neither `detection`"),
    ("- title: t", 1, 1, None, "no Sigma document"),
    ("just text", 1, 1, None, "no Sigma document"),
    ("id: r\ntitle: t\ntitle: u", 3, 1, "r", "`title` stands twice"),
    (f"title: t\n{SECURITY}\ndetection:\n  s: {{A: 1, A: 2}}\n  condition: s", 4, 13, None, "`A` stands twice"),
    ("id: 'q'\n\ttitle: t", 2, 1, "q", "not valid YAML"),
    ("title: t\nb: *none", 2, 4, None, "*none"),
    ("title: !!python/name:os.system ''", 1, 8, None, "tag"),
    ("title: t\n[a]: b", 2, 1, None, "key must be plain text"),
]


@pytest.mark.parametrize(("text", "line", "column", "rule_id", "reason"), PLACES)
def test_a_refusal_names_its_place(text: str, line: int, column: int, rule_id: str | None, reason: str) -> None:
    """The same document further down in a file is refused as many lines further down."""
    for shift, before in ((0, ""), (3, "# one\n# two\n---\n")):
        refusal = refused(before + text)
        assert reason in refusal.reason
        assert (refusal.line, refusal.column, refusal.rule_id) == (line + shift, column, rule_id)


@pytest.mark.parametrize(
    ("data", "line", "column", "reason"),
    [
        ("title: ärger\nb: \udcff".encode("utf-8", "surrogateescape"), 2, 4, "UTF-8"),
        (b'title: "\x01"', 1, 9, "control characters"),
        ("title: t".encode("utf-16"), 1, 1, "UTF-8"),
        (b"a" * (8 * 1024 * 1024 + 1), 0, 0, "8 MiB"),
    ],
)
def test_bytes_that_are_no_text_are_refused(data: bytes, line: int, column: int, reason: str) -> None:
    (refusal,) = load([RuleText("x.yml", data)]).refused
    assert reason in refusal.reason
    assert (refusal.path, refusal.line, refusal.column) == ("x.yml", line, column)


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter() -> None:
    text = rule_text("s: {A: 1}\ncondition: s")
    (rule,) = load([RuleText("x.yml", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())]).rules
    assert rule.line == 1


def test_a_refused_rule_leaves_the_others() -> None:
    good = rule_text("s: {A: 1}\ncondition: s")
    bad = rule_text("s: {A: 1}\ncondition: t")
    loaded = load_text(f"{bad}---\n{good}", bad.replace("A: 1", "A: 2"))
    assert len(loaded.rules) == 1
    assert [(refusal.path, refusal.line) for refusal in loaded.refused] == [("a.yml", 5), ("b.yml", 5)]


def test_aliases_and_merges_work_within_bounds() -> None:
    text = rule_text("s: &s {A: 1, B: 1}\nt: {<<: *s, B: 2}\nu: *s\ncondition: t")
    (rule,) = load_text(text).rules
    assert rule.fields == ("A", "B")
