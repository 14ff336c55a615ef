"""Our own words, titles of rules and names of logs stay, whoever is called so; what is put between them goes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

import carecordon
from carecordon.cli.shown import redacted
from carecordon.model.incident import Entity, EntityKind, Summand
from carecordon.model.match import BlindSpot, Match, Unseen
from carecordon.model.result import Result, SourceSeen
from carecordon.report import story
from carecordon.report.format import View
from carecordon.report.formats.jsonlines import JSONLINES
from carecordon.report.own import Own
from carecordon.report.redact import Redactor
from carecordon.report.story.catalogue import words_of
from tests.replacing import replace
from tests.report import outbreak
from tests.report.sample import START, closing
from tests.report.test_redact import KEY, match

ROOMS = ("scan", "pipeline/ingest", "pipeline/triage")
FIREWALL = "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall"
REASONS = [
    "Security: records are missing in 2 places; the largest: record ids 1 to 9",
    f"{FIREWALL}: missing: record ids 8069 to 8074, between 2017-06-12T23:39:43Z and 2017-06-12T23:39:43Z",
    "the Security log was cleared (event 1102) at 2022-01-07T22:05:06Z",
    "Security: the clock was set back once, at most by 3 s to 2022-01-07T22:05:06Z, between record ids 1 and 2",
    "correlation 'Security log cleared by records': too many groups",
]


def catalogue() -> str:
    return (resources.files(story) / "words.toml").read_text("utf-8")


def redactor(*names: str) -> Redactor:
    """Return one that knows these users, the wording of stories, a title and the logs."""
    made = Redactor(KEY, words_of(catalogue()).texts())
    for name in names:
        made.learn(match(User=name))
    made.learn(replace(match(), channel=FIREWALL))
    made.spare("Security log cleared by records", ("Ask records whether exchange did it.",))
    return made


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_stays_whoever_is_called_as_its_words_are(reason: str) -> None:
    made = redactor(*re.findall("[A-Za-z]{2,}", reason), "Advanced Security")
    for kind in Unseen:
        assert made.unseen(BlindSpot(kind, reason)).reason == reason


PUT_IN = [
    r"records are missing in D:\security\records.evtx",
    "records are missing in /home/security/x",
    "the file records-security was damaged",
    "the Security log was cleared by security@example.org",
    "between the objects stands what is none: 'by records'",
    "The security log was cleared by `security`.",
    r"The security log was cleared by `WPH\records`, with `wevtutil cl security for records`.",
    'The security log was cleared (matches "Security log cleared by records"), first `records`.',
    "It is jsmith, records.",
]


@pytest.mark.parametrize("text", PUT_IN)
def test_what_is_put_into_a_sentence_goes(text: str) -> None:
    token = "[user-"  # noqa: S105  # how a token begins, no password
    cleaned = redactor("security", "records", "jsmith").sentence(text)
    assert token in cleaned or "[email-" in cleaned
    assert "jsmith" not in cleaned
    for inside in re.findall("`([^`]*)`", cleaned):
        assert not re.search(r"records|(?<!cl )security", inside)


def test_what_a_rule_says_and_the_log_that_a_story_names_stay() -> None:
    made = redactor("security", "records", "exchange", "whether")
    for text in (
        'The log `Security` was cleared by an account that is not named (matches "Security log cleared by records").',
        f"Event 1 of the log `{FIREWALL}` was written.",
        "Ask records whether exchange did it.",
    ):
        assert made.sentence(text) == text


def test_logs_and_providers_stay_in_all_lines() -> None:
    case = outbreak.harmless()
    people = tuple(
        Entity(EntityKind.ACCOUNT, name, None, START, START, 1) for name in ("security", "auditing", "log", "on")
    )
    score = replace(case.incident.score, summands=(Summand("asset", 1, "S1 it.log: security"),))
    one = replace(case.incident, entities=people, score=score, links=("account log on 2 devices",))
    sample = match(Channel="Security", Provider_Name="Microsoft-Windows-Security-Auditing", CommandLine="x security")
    seen = replace(
        closing(),
        unseen=(BlindSpot(Unseen.GAP, "Security: missing: record id 3"),),
        sources=(SourceSeen("security-pc", "Security", 1, START, START),),
    )
    plain = Result(outbreak.result().begin, [sample], seen, [replace(case, incident=one)])
    after = redacted(plain, Redactor(KEY), ())
    (found,) = after.findings
    assert isinstance(found, Match)
    assert (found.channel, found.fields["Channel"]) == ("Security", "Security")
    assert found.fields["Provider_Name"] == "Microsoft-Windows-Security-Auditing"
    assert re.fullmatch(r"x \[user-\w{8}\]", str(found.fields["CommandLine"]))
    assert after.closing.sources[0].channel == "Security"
    assert re.fullmatch(r"account \[user-\w{8}\] on 2 devices", after.cases[0].incident.links[0])
    assert '"channel":"Security"' in "".join(JSONLINES.tell(after, View()))


@pytest.mark.parametrize("log", ["Anna's log", "mail to a.b@mail.example.org", "9434765919"])
def test_what_no_log_is_called_goes_from_its_name(log: str) -> None:
    made = redactor("anna")
    assert made.match(replace(match(), channel=log)).channel != log


WHOLE = [r"WPH\Records Management", r"`WPH\Records Management`", r"x, WPH\Records Management, y"]


@pytest.mark.parametrize("text", WHOLE)
def test_a_name_of_several_words_behind_its_domain_is_learnt_whole(text: str) -> None:
    made = Redactor(KEY)
    made.learn(match(TargetDomainName="WPH", Data=text))
    token = made.text("Records Management")
    assert made.text(text) == text.replace("Records Management", token)
    assert made.text("records of exchange") == "records of exchange"


def test_of_prose_behind_a_domain_the_first_word_is_the_name() -> None:
    made = Redactor(KEY)
    made.learn(match(TargetDomainName="WPH", Data=r"failed for WPH\aexample Again", User=r"WPH\Anna Example"))
    made.learn(match(Data=(r"WPH\bexample logged on", r"WPH\CEXAMPLE Logged On", r"WPH\Dexample2 Logged On")))
    for name in ("aexample", "bexample", "cexample", "dexample2"):
        assert name not in made.text(f"whoami {name}")
    assert re.fullmatch(r"as WPH\\\[user-\w{8}\] now", made.text(r"as WPH\Anna Example now"))


def test_a_file_beside_the_profiles_is_no_name_elsewhere() -> None:
    made = Redactor(KEY)
    assert "[user-" in made.text(r"C:\Users\bits.ps1")
    assert made.text("run bits.ps1") == "run bits.ps1"
    assert "b.moor" not in made.text(r"C:\Users\b.moor and b.moor")


def test_options_of_the_command_line_stay() -> None:
    made = redactor("json", "security")
    begin = replace(outbreak.result().begin, command=("scan", "security", "--json", "--html=security"))
    assert made.begin(begin).command[2] == "--json"
    assert "security" not in str(made.begin(begin).command)


def test_all_words_of_reasons_are_known() -> None:
    """A word that this names is new in a reason: add it to `_REASON_WORDS` in carecordon/report/own.py."""
    top = Path(carecordon.__file__).parent
    texts = {
        text for room in ROOMS for path in (top / room).rglob("*.py") for text in _reasons(ast.parse(path.read_text()))
    }
    assert len(texts) > 40
    words = {word.lower() for text in texts for word in re.findall(r"[^\W\d_]+(?:[-'][^\W\d_]+)*", text)}
    own = Own()
    assert sorted(word for word in words if len(word) > 1 and not own.starts(word)) == []


def _reasons(tree: ast.Module) -> Iterator[str]:
    """Yield the fixed texts of what becomes a reason: where one is made, assigned, or counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"BlindSpot", "Bad"}:
            yield from _texts(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"reason", "why"}:
            yield from _texts(node.value)
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "self._tally":
            yield from _texts(node.slice)


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield texts with a space in them: others are parts of a name."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and " " in part.value:
            yield part.value
