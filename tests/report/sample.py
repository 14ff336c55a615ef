"""A made-up result with everything in it: all levels, a fold, a hostile event, a correlation, blind spots."""

from __future__ import annotations

from carecordon.model.errors import Refused
from carecordon.model.event import Value
from carecordon.model.match import BlindSpot, CorrelationMatch, Level, Match, RuleHead, Unseen
from carecordon.model.result import Begin, Closing, InputFile, Result, SourceSeen, Summary

START = 1_795_568_523_123_456_789
S = 1_000_000_000
WARD = "ward7-pc.example.org"
SYSMON = "Microsoft-Windows-Sysmon/Operational"

DUMP = RuleHead("r-dump", "Memory of LSASS written to a file", Level.CRITICAL, ("T1003.001",), "rules/dump.yml", 1)
ENCODED = RuleHead(
    "r-encoded",
    "Encoded PowerShell command line started by a word processor on a clinical workstation",
    Level.HIGH,
    ("T1059.001", "T1566.001"),
    "rules/encoded.yml",
    1,
)
LOGONS = RuleHead("r-logons", "Many failed logons", Level.MEDIUM, ("T1110",), "rules/logons.yml", 1)
TASK = RuleHead("r-task", "Scheduled task from a temporary folder", Level.LOW, (), "rules/task.yml", 1)
NOTE = RuleHead("r-note", "Service installed", Level.INFORMATIONAL, (), "rules/note.yml", 1)

HOSTILE = "evil \x1b[31mred\x1b]0;owned\x07\r\nnext \u202etxt.exe [bold]x[/bold] \x9b2J"


def match(rule: RuleHead, seconds: int | None, position: int = 1, device: str | None = WARD, **fields: Value) -> Match:
    """Return a match of a Sysmon event so many seconds after the start."""
    time = None if seconds is None else START + seconds * S
    return Match(rule, "evidence/ward7/Sysmon.evtx", position, 800 + position, time, device, SYSMON, 1, dict(fields))


def findings() -> list[Match | CorrelationMatch]:
    """Return the findings in the order of a result."""
    comsvcs = r"rundll32.exe C:\windows\system32\comsvcs.dll MiniDump 624 C:\Users\Public\out.dmp full"
    encoded = "powershell -enc " + "SQBFAFgA" * 60
    members = tuple(("evidence/dc1/Security.evtx", position) for position in range(4, 18))
    group: dict[str, Value] = {"TargetUserName": "ann", "Computer": "dc1.example.org"}
    return [
        match(DUMP, 0, 12, Image=r"C:\Windows\System32\rundll32.exe", CommandLine=comsvcs, ParentImage=None),
        CorrelationMatch(LOGONS, group, 14, START, START + 250 * S, members),
        *(match(ENCODED, 60 + i, 100 + i, CommandLine=encoded, Hashes=("MD5=1", "SHA1=2")) for i in range(40)),
        match(ENCODED, 999, 700, "x-ray-2.example.org\x1b[2J", CommandLine=HOSTILE),
        match(TASK, 2000, 900, None, TaskName=r"\Up", Actions="", Enabled=True),
        Match(NOTE, "archive.zip!a\nb.jsonl", 3, None, None, WARD, None, None, {}),
    ]


def closing(*, partial: bool = False) -> Closing:
    """Return what stands after the findings."""
    first, second = "2026-11-24T22:00:00Z", "2026-11-24T23:10:00Z"
    unseen = (
        BlindSpot(Unseen.FILE, "the last chunk is cut off", "evidence/old.evtx", None, None, 1),
        BlindSpot(Unseen.RECORD, "this record is damaged", "evidence/ward7/Sysmon.evtx", 13, None, 2),
        BlindSpot(Unseen.LOGSOURCE, "windows ps_script: no events", None, None, None, 114),
        BlindSpot(Unseen.FIELD, "Sysmon 1 never carries OriginalFileName", None, None, None, 33),
        BlindSpot(Unseen.CLOCK, "Security: the clock was set back once", None, None, "dc1.example.org", 1),
        *(
            BlindSpot(Unseen.GAP, f"log {n}: records are missing between {first} and {second}", None, None, WARD, n)
            for n in range(1, 14)
        ),
        BlindSpot(
            Unseen.CLEARED, "the Security log was cleared", "evidence/dc1/Security.evtx", 77, "dc1.example.org", 1
        ),
    )
    sources = (
        SourceSeen("dc1.example.org", "Security", 120_000, START, START + 10_000 * S),
        SourceSeen(WARD, SYSMON, 29_000, START, START + 1000 * S),
        SourceSeen(None, "product=linux service=auditd", 5, None, None),
    )
    inputs = (
        InputFile("evidence/ward7/Sysmon.evtx", "2c" * 32, 1_118_208, 1204, "evtx"),
        InputFile("evidence/old.evtx", None, None, None, None),
    )
    refused = (
        Refused("rules/broken.yml", 12, 3, None, "the condition names `sel`, which is not there"),
        Refused("rules/whole.yml", 0, 0, "r-whole", "not YAML"),
    )
    return Closing(inputs, refused, unseen, sources, Summary(150_000, 12, 3, 1, 430, 412, 18, 2, 12.3456, partial))


def result(*, partial: bool = False) -> Result:
    """Return the whole made-up result."""
    begin = Begin("0.1.0", "9f" * 32, ("scan", "evidence", "--json"))
    return Result(begin, iter(findings()), closing(partial=partial))
