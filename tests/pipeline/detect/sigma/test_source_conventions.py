"""The conventions of docs/detection.md on log sources, one test each: in every shape of event."""

from __future__ import annotations

from carecordon.model.event import LogSource
from carecordon.pipeline.detect.sigma.engine import Engine
from tests.pipeline.detect.sigma.matching import DEFENDER, SHAPES, SYSMON, fires, matches, ready, rows_of, rule

WINDOWS = "{product: windows}"
SECURITY = "{product: windows, service: security}"


def test_log_sources_mean_channels_and_ids() -> None:
    for shape in SHAPES:
        started = shape(SYSMON.lower(), 1, {"A": "x"})
        assert fires(rule("s: {A: x}", "{category: process_creation}"), started)
        assert fires(rule("s: {A: x}", "{product: windows, service: sysmon}"), started)
        assert fires(rule("s: {A: x}", "{product: windows, service: sysmon, category: process_creation}"), started)
        assert fires(rule("s: {A: x}", WINDOWS), started)
        assert not fires(rule("s: {A: x}", SECURITY), started)
        assert not fires(rule("s: {A: x}"), shape(SYSMON, 5, {"A": "x"}))
        for kind, category in (("CreateKey", "registry_add"), ("DeleteValue", "registry_delete")):
            text = rule("s: {EventType: '*'}", f"{{product: windows, category: {category}}}")
            assert fires(text, shape(SYSMON, 12, {"EventType": kind}))
            assert not fires(text, shape(SYSMON, 12, {"EventType": "Else"}))


def test_an_unknown_log_source_makes_a_rule_dormant() -> None:
    for source in ("{product: macos}", "{product: windows, category: nosuch}", "{product: windows, service: nosuch}"):
        rules = ready(rule("s: {A: x}", source))
        engine = Engine(rules, None)
        assert engine.program.dormant == [0]
        assert not matches(rules, engine, rows_of(shape(SYSMON, 1, {"A": "x"}) for shape in SHAPES))
    assert Engine(ready(rule("s: {A: x}", "{product: macos}")), None, LogSource("macos")).program.dormant == []


def test_security_4688_serves_process_creation() -> None:
    data = {
        "NewProcessName": r"C:\Windows\tool.exe",
        "ParentProcessName": r"C:\Windows\parent.exe",
        "MandatoryLabel": "S-1-16-12288",
        "SubjectUserName": "anna",
        "SubjectDomainName": "WEXLEY",
        "SubjectLogonId": "0x3e7",
        "CommandLine": "tool -x",
        "NewProcessId": "0x10",
        "ProcessId": "0xff",
    }
    for shape in SHAPES:
        event = shape("Security", 4688, data)
        assert fires(rule(r"s: {Image: '*\tool.exe', ParentImage: '*\parent.exe', User: 'wexley\anna'}"), event)
        assert fires(rule("s: {ProcessId: 16, ParentProcessId: 255, LogonId: '0x3e7', CommandLine: tool -x}"), event)
        for level in ("High", "S-1-16-12288"):
            assert fires(rule(f"s: {{IntegrityLevel: {level}}}"), event)
        assert not fires(rule("s: {IntegrityLevel: Medium}"), event)
        assert not fires(rule("s: {ProcessId: 255}"), event)
        assert fires(rule("s: {ProcessId: '0xff', NewProcessName: '*tool.exe'}", SECURITY), event)
        assert not fires(rule("s: {Image: '*'}"), shape("Security", 4689, data))
        assert fires(rule("s: {Image: kept}"), shape("Security", 4688, data | {"Image": "kept"}))
        same = rule("s: {ProcessId|fieldref: ParentProcessId}")
        assert fires(same, shape("Security", 4688, data | {"NewProcessId": "255"}))
        assert not fires(same, event)


def test_defender_serves_antivirus() -> None:
    data = {"Threat Name": "Made/Up", "Path": r"C:\x.exe"}
    for shape in SHAPES:
        for source in ("{category: antivirus}", "{category: antivirus, product: windows}"):
            text = rule(r"s: {Signature|startswith: made, Filename|endswith: '\x.exe'}", source)
            assert fires(text, shape(DEFENDER, 1116, data))
            assert not fires(text, shape(DEFENDER, 1013, data))
            assert not fires(text, shape(DEFENDER, 1116, data | {"Threat Name": "Other"}))
