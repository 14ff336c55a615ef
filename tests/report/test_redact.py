"""Personal identifiers go, the same person keeps the same token, and what only looks like one stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.errors import Refused
from carecordon.model.event import Value
from carecordon.model.match import BlindSpot, CorrelationMatch, Level, Match, RuleHead, Unseen
from carecordon.model.result import Begin
from carecordon.report.identifiers import is_nhs_number
from carecordon.report.redact import Redactor
from tests.replacing import replace
from tests.report.sample import closing

KEY = b"0123456789abcdef"
RULE = RuleHead("r", "Anna Example logs on", Level.LOW, ("T1078",), "r.yml", 1)


def with_check_digit(nine: str) -> str | None:
    """Return the NHS number that starts with nine digits, by its definition; None where there is none."""
    remainder = sum(int(digit) * weight for digit, weight in zip(nine, (10, 9, 8, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    check = {0: 0, 1: None}.get(remainder, 11 - remainder)
    return None if check is None else f"{nine}{check}"


GOOD = [number for nine in range(400_000_000, 400_000_060) if (number := with_check_digit(str(nine)))]


def match(**fields: Value) -> Match:
    return Match(RULE, "a.evtx", 1, 1, 1, "pc.example.org", "Security", 4624, fields)


def cleaned(**fields: Value) -> dict[str, Value]:
    return Redactor(KEY).match(match(**fields)).fields


def cleaned_text(field: str, value: str) -> str:
    return str(cleaned(**{field: value})[field])


def test_an_nhs_number_has_one_right_last_digit_of_ten() -> None:
    for number in GOOD:
        assert [last for last in "0123456789" if is_nhs_number(number[:9] + last)] == [number[9]]


def test_nine_digits_whose_check_would_be_ten_make_no_nhs_number() -> None:
    hopeless = [str(nine) for nine in range(400_000_000, 400_000_060) if with_check_digit(str(nine)) is None]
    assert hopeless
    assert not any(is_nhs_number(nine + last) for nine in hopeless for last in "0123456789")


def test_ten_equal_digits_are_no_nhs_number() -> None:
    assert not any(is_nhs_number(digit * 10) for digit in "0123456789")


@pytest.mark.parametrize("form", ["{}", "NHS:{} seen", "scan_{}.pdf", "?nhsno={}&x=1", "{}, {}", "C:\\scans\\{}.dcm"])
def test_an_nhs_number_is_found_in_each_way_of_writing(form: str) -> None:
    number = GOOD[3]
    redact = Redactor(KEY).text
    token = redact(number)
    assert re.fullmatch(r"\[nhs-[0-9a-f]{8}\]", token)
    for written in (number, f"{number[:3]} {number[3:6]} {number[6:]}", f"{number[:3]}-{number[3:6]}-{number[6:]}"):
        assert redact(form.format(written, written)) == form.format(token, token)


def test_an_nhs_number_that_is_a_number_goes_too() -> None:
    fields = cleaned(nhs=int(GOOD[0]), wrong=int(GOOD[0]) + 1, port=443, flag=True)
    assert str(fields["nhs"]).startswith("[nhs-")
    assert fields["wrong"] == int(GOOD[0]) + 1
    assert (fields["port"], fields["flag"]) == (443, True)


PHONES = [
    "020 7946 0123", "(020) 7946 0123", "02079460123", "01632 960123", "01632 960 123", "(01632) 960123",
    "07700 900123", "07700900123", "07700 900 123", "0345 60 60 234", "015396 00000", "0800-496-0123",
    "+44 20 7946 0123", "+44 (0)20 7946 0123", "0044 20 7946 0123", "+447700900123", "+1 202 555 0123",
    "+33 1 99 00 12 34", "0033 1 99 00 12 34",
]  # fmt: skip


@pytest.mark.parametrize("phone", PHONES)
def test_a_telephone_number_goes(phone: str) -> None:
    for form in ("{}", "call {} now", "tel:{};", "call-{}.wav"):
        assert re.fullmatch(
            re.escape(form).replace(r"\{\}", r"\[phone-[0-9a-f]{8}\]"), Redactor(KEY).text(form.format(phone))
        )


def test_ways_of_writing_one_telephone_number_have_one_token() -> None:
    ways = ["020 7946 0123", "(020) 7946 0123", "+44 20 7946 0123", "+44 (0)20 7946 0123", "0044 20 7946 0123"]
    assert len({Redactor(KEY).text(way) for way in ways}) == 1


NOT_PERSONAL = [
    "{12345678-1234-1234-1234-400000000400}",
    "S-1-5-21-3623811015-3361044348-4000000004-1013",
    "2026-11-25 01:02:03.123",
    "2026-11-25T01:02:03+01:00",
    "25-11-2026 01:02:03",
    "25/11/2026",
    "192.0.2.10:50123",
    "2001:db8::7946:123",
    "10.0.19041.1023",
    "MD5=0207946012301632960123ABCDEF0123",
    "0x07700900123",
    "0207946012301632960",
    "ntdll.dll+0207946012",
    "1795568523",
    "133456789012345678",
    "0.07700900123",
    "+0100",
    "C:\\Windows\\System32\\cmd.exe",
    "C:\\Users\\Public\\a.exe",
    "C:\\Users\\Default\\NTUSER.DAT",
    "user@",
    "@example.org",
    "4624",
    "1,234,567,890",
    "https://example.org/home/index.html",
]


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_what_only_looks_personal_stays(text: str) -> None:
    assert Redactor(KEY).text(text) == text


def test_an_e_mail_address_goes_whatever_its_case() -> None:
    redact = Redactor(KEY).text
    assert redact("to <Anna.Example+x@Mail.Example.org>.") == f"to <{redact('anna.example+x@mail.example.org')}>."
    assert redact("a@b.example").startswith("[email-")


@pytest.mark.parametrize(
    "field", ["User", "TargetUserName", "SubjectUserName", "ParentUser", "AccountName", "SourceUser"]
)
def test_a_user_name_goes_and_its_domain_stays(field: str) -> None:
    assert re.fullmatch(r"HOSP\\\[user-[0-9a-f]{8}\]", cleaned_text(field, "HOSP\\aexample"))
    assert re.fullmatch(r"\[user-[0-9a-f]{8}\]", cleaned_text(field, "aexample"))


def test_users_of_other_shapes_of_events_go_too() -> None:
    shapes: dict[str, Value] = {"user.name": "aexample", "TargetUserName": ("aexample", "-")}
    fields = cleaned(**shapes, MemberName="CN=Anna Example,OU=Staff")
    token = fields["user.name"]
    assert str(token).startswith("[user-")
    assert fields["TargetUserName"] == (token, "-")
    assert re.fullmatch(r"CN=\[user-[0-9a-f]{8}\],OU=Staff", str(fields["MemberName"]))


BUILT_IN = [
    "NT AUTHORITY\\SYSTEM",
    "LOCAL SERVICE",
    "NETWORK SERVICE",
    "Administrator",
    "HOSP\\WARD7-PC$",
    "-",
    "",
    "DWM-1",
]


@pytest.mark.parametrize("name", BUILT_IN)
def test_accounts_of_no_person_stay(name: str) -> None:
    assert cleaned(User=name, CommandLine=f"whoami {name}") == {"User": name, "CommandLine": f"whoami {name}"}


def test_a_known_name_goes_wherever_it_is_a_word() -> None:
    fields = cleaned(
        User="HOSP\\aexample",
        CommandLine=r"net user AEXAMPLE /add & copy C:\Users\aexample\x C:\Users\bexample\y & aexamples HOSP\cexample",
        TargetObject=r"\Device\Users\bexample.old and bexample",
    )
    a, b, c = (Redactor(KEY).match(match(User=name)).fields["User"] for name in ("aexample", "bexample", "cexample"))
    assert fields["CommandLine"] == rf"net user {a} /add & copy C:\Users\{a}\x C:\Users\{b}\y & aexamples HOSP\{c}"
    assert str(fields["TargetObject"]).endswith(f" and {b}")


def test_names_that_are_words_of_every_command_go_only_where_names_stand() -> None:
    fields = cleaned(User="HOSP\\user", CommandLine="net user HOSP\\user")
    token = str(fields["User"]).removeprefix("HOSP\\")
    assert token.startswith("[user-")
    assert fields["CommandLine"] == f"net user HOSP\\{token}"


def test_a_profile_with_spaces_goes_whole() -> None:
    assert re.fullmatch(r"C:\\Users\\\[user-\w{8}\]\\x\.exe", Redactor(KEY).text(r"C:\Users\Anna Example\x.exe"))
    assert re.fullmatch(r"/home/\[user-\w{8}\]/x", Redactor(KEY).text("/home/aexample/x"))


def test_a_name_learnt_from_all_matches_goes_from_those_before_too() -> None:
    redactor = Redactor(KEY)
    redactor.learn(match(User="aexample"))
    assert "aexample" not in str(redactor.match(match(CommandLine="echo aexample")).fields)


def test_every_text_of_a_match_is_cleaned_and_the_rule_is_not() -> None:
    before = Match(
        RULE, r"C:\Users\anna\a.evtx", 1, 1, 1, "anna-laptop", "Anna's log", 1, {"a": ("anna", 3)}, {"b": "anna"}
    )
    after = Redactor(KEY).match(before)
    assert after.rule is RULE
    assert "anna" not in str((after.file, after.device, after.channel, after.fields, after.carried)).lower()


def test_correlations_and_all_that_stands_after_are_cleaned() -> None:
    redactor = Redactor(KEY)
    found = CorrelationMatch(RULE, {"TargetUserName": "aexample"}, 3, 1, 2, ((r"C:\Users\aexample\a.evtx", 4),))
    after = redactor.correlation(found)
    spot = redactor.unseen(BlindSpot(Unseen.FILE, "aexample's file", "aexample.evtx", 1, "aexample-pc", 1))
    refused = redactor.refused(Refused(r"C:\Users\aexample\r.yml", 1, 2, "r", "aexample"))
    begin = redactor.begin(Begin("1", "h", ("scan", r"C:\Users\aexample\x")))
    assert "aexample" not in str((after.group, after.members, spot, refused, begin))
    assert (after.count, after.members[0][1], refused.line, spot.count) == (3, 4, 1, 1)


def test_what_holds_nothing_personal_is_left_as_it_is() -> None:
    assert Redactor(KEY).closing(closing()) == closing()


def test_another_key_makes_other_tokens() -> None:
    assert Redactor(KEY).text(GOOD[0]) != Redactor(b"fedcba9876543210").text(GOOD[0])
    assert Redactor(KEY).text(GOOD[0]) == Redactor(KEY).text(GOOD[0])


WRITTEN = [
    ("id={},{}", "9434765919", "nhs"),
    ("NHS{}", "9434765919", "nhs"),
    ("nhsno={}&id{}", "9434765919", "nhs"),
    ("{}", "943.476.5919", "nhs"),
    ("scan_{}_x.pdf", "943_476_5919", "nhs"),
    ("?n={}", "943%20476%205919", "nhs"),
    ("?n={}", "943+476+5919", "nhs"),
    ("tel{}", "07700900123", "phone"),
    ("fax{},mobile{}", "07700900123", "phone"),
    ("tel{}", "+447700900123", "phone"),
    ("{}.wav", "07700.900.123", "phone"),
    ("{}", "07700_900_123", "phone"),
    ("to={}&x", "a.b%40nhs.example", "email"),
]


@pytest.mark.parametrize(("form", "what", "kind"), WRITTEN)
def test_lists_names_before_and_urls_hide_nothing(form: str, what: str, kind: str) -> None:
    cleaned = Redactor(KEY).text(form.format(what, what))
    assert re.fullmatch(re.escape(form).replace(r"\{\}", rf"\[{kind}-[0-9a-f]{{8}}\]"), cleaned)


def test_other_ways_of_writing_have_the_same_token() -> None:
    redact = Redactor(KEY).text
    assert len({redact(way) for way in ("9434765919", "943.476.5919", "943%20476%205919", "943 - 476 - 5919")}) == 1
    assert len({redact(way) for way in ("07700900123", "07700.900.123", "+447700900123")}) == 1
    assert redact("a.b%40nhs.example") == redact("a.b@nhs.example")


TECHNICAL = [
    "0x9434765919", "0xa9434765919", "MD5=9434765919012301632960123ABCDEF01", "10.943.476.5919", "943.476.5919.1",
    "{94347659-1234-1234-1234-943476591900}", "192.0.2.10:50123", "a9434765919b", "SHA1=DA9434765919",
]  # fmt: skip


@pytest.mark.parametrize("text", TECHNICAL)
def test_hex_and_versions_with_digits_like_those_stay(text: str) -> None:
    assert Redactor(KEY).text(text) == text


def told(line: str, **carried: Value) -> str:
    return str(Redactor(KEY).match(replace(match(CommandLine=line), carried=carried)).fields["CommandLine"])


KNOWN: list[tuple[str, dict[str, Value], str]] = [
    ("whoami {}", {"User": r"CORP\123456"}, "123456"),
    ("type {}_rota.txt", {"User": 123456}, "123456"),
    ("whoami {}", {"User": r"CORP\jo"}, "Jo"),
    ("find {}", {"MemberName": r"CN=Smith\, John,OU=Staff"}, "Smith, John"),
    ("find CN={},OU=x", {"MemberName": r"CN=Smith\, John,OU=Staff"}, r"Smith\, John"),
    ("notes_{}.txt", {"SubjectUserName": "aexample"}, "aexample"),
    ("net user {} Qx7 /add", {}, "lodger"),
    ('net.exe localgroup "Remote Users" {} /add', {}, "lodger"),
    (r"runas /user:CORP\{} cmd", {}, "lodger"),
]


@pytest.mark.parametrize(("form", "carried", "name"), KNOWN)
def test_a_name_known_from_the_rest_of_the_event_goes(form: str, carried: dict[str, Value], name: str) -> None:
    text = told(form.format(name), **carried)
    assert re.fullmatch(re.escape(form).replace(r"\{\}", r"\[user-[0-9a-f]{8}\]"), text)


UNTOUCHED = [
    "12345678-1001-abed-1001-123456789012", "S-1-5-21-1-2-3-1001", "10.0.1001.1", "192.0.2.7:1001", "2001:db8::1001",
    "0x1001", "1001-04-05", "record ids 1001 to 1001", "a1001", "10012", "MD5=1001ABED", "_jo_", "jo_x", "join",
]  # fmt: skip


@pytest.mark.parametrize("text", UNTOUCHED)
def test_a_number_or_short_name_goes_only_as_a_word_of_its_own(text: str) -> None:
    assert told(text, User="1001", SubjectUserName="jo", TargetUserName="abed") == text


def test_ids_of_events_and_processes_are_no_names() -> None:
    event: dict[str, Value] = {"EventID": 1001, "ProcessId": "1001", "EventRecordID": 1001, "Staff": 1001, "User": 1001}
    fields = cleaned(**event)
    token = fields["User"]
    assert fields == {"EventID": 1001, "ProcessId": "1001", "EventRecordID": 1001, "Staff": token, "User": token}


@pytest.mark.parametrize(("event_id", "goes"), [(4769, True), (4697, False)])
def test_the_service_of_a_ticket_is_an_account(event_id: int, goes: bool) -> None:
    found = replace(match(ServiceName="svc-example"), event_id=event_id)
    assert ("svc-example" not in str(Redactor(KEY).match(found).fields)) is goes
    machine = replace(match(ServiceName="WARD3$"), event_id=event_id)
    assert Redactor(KEY).match(machine).fields == {"ServiceName": "WARD3$"}


def test_what_a_match_carries_is_dropped() -> None:
    assert Redactor(KEY).match(replace(match(), carried={"User": "aexample"})).carried == {}


PIECES = st.one_of(
    st.sampled_from(
        ["anna", "bob", "HOSP\\", "C:\\Users\\", "/home/", "\\", "/", " ", "-", "+44", "0", "(0)", ".", "@", "[", "]"]
    ),
    st.sampled_from(
        ["user-1234abcd", "[user-1234abcd]", "CN=", ",", "example.org", "07700 900123", "\n", "é", "_", "S-1-5-"]
    ),
    st.sampled_from(GOOD[:3]),
    st.text(alphabet="ab01 \\/@.-[]$", max_size=6),
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)
NAMES = st.sampled_from(["User", "TargetUserName", "TargetDomainName", "CommandLine", "Image", "user.name"])
FIELDS = st.dictionaries(NAMES, st.one_of(TEXTS, st.tuples(TEXTS, TEXTS), st.none(), st.integers()), max_size=4)


@given(FIELDS)
def test_what_is_clean_stays_as_it_is(fields: dict[str, Value]) -> None:
    redactor = Redactor(KEY)
    once = redactor.match(match(**fields))
    assert redactor.match(once) == once
    assert Redactor(KEY).match(once) == once


@given(FIELDS)
def test_the_shape_of_a_match_is_kept(fields: dict[str, Value]) -> None:
    after = Redactor(KEY).match(match(**fields)).fields
    assert list(after) == list(fields)
    for name, value in fields.items():
        if isinstance(value, tuple):
            assert isinstance(after[name], tuple)
            assert len(value) == 2
        elif value is None:
            assert after[name] is None


@given(
    st.text(alphabet="Zz \\/:.,;-_()[]\n", max_size=20),
    st.sampled_from(GOOD),
    st.text(alphabet="Zz \\/:;-_()\n", max_size=20),
)
def test_no_nhs_number_gets_through(before: str, number: str, after: str) -> None:
    text = f"{before} {number} {after}"
    assert number not in Redactor(KEY).text(text)


@pytest.mark.parametrize(
    "text",
    [
        "`EXAMPLE\\anna.example` logged on over the network.",
        "`C:\\Users\\anna.example` was written by `EXAMPLE\\anna.example`, with `x`.",
        "Disable the accounts (`EXAMPLE\\anna.example` and `EXAMPLE\\anna.example`).",
    ],
)
def test_a_name_in_backticks_gets_its_own_token_and_leaves_the_backticks(text: str) -> None:
    redactor = Redactor(KEY)
    redactor.learn(match(TargetUserName="anna.example", TargetDomainName="EXAMPLE"))
    (token,) = {redactor.text("anna.example")}
    assert redactor.text(text) == text.replace("anna.example", token)


def test_a_folder_named_like_a_domain_makes_no_user_of_the_next_one() -> None:
    redactor = Redactor(KEY)
    redactor.learn(match(TargetUserName="a.shaw", TargetDomainName="wph.example.org"))
    path = r"C:\Windows\SYSVOL\sysvol\wph.example.org\Policies\GPT.INI"
    assert redactor.text(path) == path
    assert "b.moor" not in redactor.text(r"as wph.example.org\b.moor")


def test_a_group_is_nobodys_name() -> None:
    redactor = Redactor(KEY)
    redactor.learn(replace(match(TargetUserName="Domain Admins", SubjectUserName="a.shaw"), event_id=4728))
    assert redactor.text("a.shaw in Domain Admins") == redactor.text("a.shaw") + " in Domain Admins"
