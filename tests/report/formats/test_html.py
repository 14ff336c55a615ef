"""The page is whole in itself, runs nothing but its own script, tells everything or says what it folds away."""

from __future__ import annotations

import base64
import hashlib
import re
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from carecordon.model.incident import Case
from carecordon.model.match import Level, Match
from carecordon.report.format import View
from carecordon.report.formats.html import HTML, policy
from carecordon.report.page.bounds import GROUPS_SHOWN, INCIDENTS_LISTED, INCIDENTS_SHOWN, WHOLE
from carecordon.report.page.script import SCRIPT
from carecordon.report.page.style import STYLE
from carecordon.report.visible import visible
from tests.replacing import replace
from tests.report import outbreak
from tests.report.hostile import SCRIPTS, hostile_result
from tests.report.page.test_markup import Reader, read
from tests.report.sample import DUMP, closing, match, result

ALLOWED = re.compile(
    r"aria-[a-z]+|data-[a-z]+|class|id|role|datetime|scope|hidden|open|type|tabindex|href|lang|charset"
)


def page(*cases: Case, view: View | None = None) -> str:
    return "".join(HTML.tell(replace(outbreak.result(), cases=cases or outbreak.result().cases), view or View()))


@pytest.fixture(scope="module")
def outbreak_page() -> str:
    return page()


def test_the_page_names_no_address_of_elsewhere(outbreak_page: str) -> None:
    assert not re.search(r"(?:https?:|//[a-z]|url\(|@import|src=)", outbreak_page, re.IGNORECASE)
    targets = {attributes["href"] for _, attributes in read(outbreak_page).elements if "href" in attributes}
    assert targets
    assert all(target is not None and target.startswith("#") for target in targets)


def test_every_link_and_label_leads_somewhere_and_no_id_stands_twice(outbreak_page: str) -> None:
    elements = read(outbreak_page).elements
    ids = [str(attributes["id"]) for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in elements:
        if (target := attributes.get("href")) is not None:
            assert target[1:] in ids
        for label in str(attributes.get("aria-labelledby", "")).split():
            assert label in ids


def test_the_policy_lets_only_our_style_and_script_run(outbreak_page: str) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", outbreak_page, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", outbreak_page, re.DOTALL)
    assert (style, script) == (STYLE, SCRIPT)
    for text in (style, script):
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy()
    assert policy().startswith("default-src 'none'; ")
    assert "unsafe" not in policy()
    assert (
        outbreak_page.index("Content-Security-Policy") < outbreak_page.index("<title>") < outbreak_page.index("<style>")
    )


def elements_of(text: str) -> Reader:
    return read("".join(HTML.tell(hostile_result(text), View())))


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_hostile_text_in_every_place_changes_nothing_but_text(text: str) -> None:
    plain, hostile = elements_of("harmless"), elements_of(text)
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    for (tag, mine), (_, theirs) in zip(hostile.elements, plain.elements, strict=True):
        assert mine.keys() == theirs.keys(), tag
        for name in mine:
            if mine[name] != theirs[name]:
                raise AssertionError(f"{tag} {name} holds {mine[name]!r}")
    assert visible(text) in hostile.text


def test_no_attribute_could_run(outbreak_page: str) -> None:
    drawing = {"svg", "symbol", "use", "g", "line", "path", "rect", "text", "title", "meta"}
    for tag, attributes in read(outbreak_page).elements:
        for name in attributes:
            assert not name.startswith("on")
            assert name != "style"
            assert tag in drawing or ALLOWED.fullmatch(name), (tag, name)


def test_an_incident_is_told_whole() -> None:
    worm = outbreak.worm()
    text = read(page(worm)).text
    for words in (
        worm.incident.title,
        worm.story.summary,
        *worm.story.next_steps,
        *worm.story.unknown,
        *worm.incident.links,
        *worm.incident.aliases,
        *(fact.text for fact in worm.story.facts),
        *(part.why for part in worm.incident.score.summands),
        *(entity.name for entity in worm.incident.entities),
        *(alert.rule.title for alert in worm.incident.alerts),
        *(process.command_line or "" for process in worm.incident.processes),
        outbreak.SERVICE.triage[0],
        outbreak.SHADOWS.benign[0],
    ):
        assert words in text, words


def test_what_was_run_and_read_stands_on_the_page(outbreak_page: str) -> None:
    text = read(outbreak_page).text
    begin = outbreak.result().begin
    assert begin.rules_hash in text
    assert "carecordon scan evidence --html report.html" in text
    assert f"Carecordon {begin.version}" in text
    for file in closing().inputs:
        assert file.file in text
        assert (file.sha256 or "could not be read to its end") in text
    assert "the Security log was cleared" in text
    assert "T1486" in text


def test_headings_go_down_one_rank_at_a_time(outbreak_page: str) -> None:
    ranks = [int(tag[1]) for tag, _ in read(outbreak_page).elements if re.fullmatch(r"h[1-6]", tag)]
    assert ranks[0] == 1
    assert ranks.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(ranks))


def test_what_is_folded_away_is_counted_and_says_where_it_is_whole() -> None:
    worm = outbreak.worm()
    facts = worm.story.facts * 10
    many = replace(worm, story=replace(worm.story, facts=facts))
    text = read(page(many)).text
    assert f"+ {len(facts) - WHOLE.facts:,} more sentences not shown here; all with --json" in text
    assert f"+ {len(worm.events) - WHOLE.events:,} more events not shown here; all with --timeline" in text
    assert "+ 1,204 more events there was no room for" in text


def test_of_very_many_incidents_the_first_are_shown_the_next_listed_and_the_rest_counted() -> None:
    case = outbreak.harmless()
    cases = [
        replace(case, incident=replace(case.incident, title=f"Incident {place}"))
        for place in range(INCIDENTS_LISTED + 3)
    ]
    seen = read(page(*cases))
    assert sum(tag == "article" for tag, _ in seen.elements) == INCIDENTS_SHOWN
    assert "+ 3 more incidents not shown here" in seen.text
    assert f"+ {INCIDENTS_LISTED + 3 - INCIDENTS_SHOWN:,} more incidents not shown here" in seen.text


def test_the_size_of_the_page_does_not_grow_with_the_matches() -> None:
    def size(count: int) -> int:
        found: list[Match] = [match(DUMP, n, n + 1, f"pc{n}.example.org", CommandLine="x" * 900) for n in range(count)]
        return len("".join(HTML.tell(replace(result(), findings=found), View())))

    once = size(2 * GROUPS_SHOWN)
    assert size(20 * GROUPS_SHOWN) < once * 1.01


def test_finding_nothing_is_no_all_clear() -> None:
    text = read("".join(HTML.tell(replace(result(), findings=()), View()))).text
    assert "Nothing matched" in text
    assert "That does not prove that nothing happened" in text


def test_events_outside_the_time_asked_for_and_those_unread_are_told_apart() -> None:
    told = result()
    summary = replace(told.closing.summary, events_skipped=5, events_outside=4)
    text = read("".join(HTML.tell(replace(told, closing=replace(told.closing, summary=summary)), View()))).text
    assert "4 events were outside --from/--to. 1 event could not be read." in text
    assert "150,000 looked at; 4 events were outside --from/--to; 1 event could not be read" in text


def test_findings_below_the_level_asked_for_are_counted() -> None:
    told = result()
    summary = replace(told.closing.summary, min_level=Level.CRITICAL, findings_hidden=6)
    told = replace(told, findings=(), closing=replace(told.closing, summary=summary))
    text = read("".join(HTML.tell(told, View()))).text
    assert "Nothing of level critical or above" in text
    assert "6 findings below critical are not shown (--min-level)." in text
    assert "Nothing matched" not in text


def test_a_partial_result_says_so_first() -> None:
    told = "".join(HTML.tell(outbreak.result(partial=True), View()))
    assert told.index("Partial result") < told.index("<h1>")
    assert "Partial result" not in page()


def test_times_are_in_the_zone_of_the_reader() -> None:
    text = page(outbreak.harmless(), view=View(zone=ZoneInfo("Asia/Kolkata")))
    assert 'datetime="2026-11-24T22:32:03.123456Z">2026-11-25 04:02:03<' in text
    assert "times in Asia/Kolkata" in text
    assert 'data-shift="330"' in text


def test_devices_are_called_without_the_domain_that_all_share_and_it_is_said_once() -> None:
    text = read(page(outbreak.worm())).text
    assert "All of them inwph.example.org" in text
    elsewhere = replace(outbreak.worm().incident, devices=("a.x.example.org", "b.y.example.org"), alerts=())
    assert "a.x.example.org" in read(page(replace(outbreak.worm(), incident=elsewhere))).text


def test_techniques_stand_in_the_order_of_an_attack_with_the_tactics_that_rules_name() -> None:
    text = page(outbreak.worm())
    table = read(text[text.index('id="techniques"') :]).text
    places = [table.index(technique) for technique in ("T1543.003", "T1046", "T1490", "T1486")]
    assert places == sorted(places)
    assert "T1046lateral movement, discovery1" in table
    assert "T1486none named1" in table


def test_of_many_small_incidents_those_alike_are_one_line_that_opens_without_script() -> None:
    worm, task = outbreak.worm(), outbreak.harmless()
    text = page(worm, *[task] * INCIDENTS_SHOWN)
    title = f"{INCIDENTS_SHOWN} alike: {task.incident.title}"
    overview = text[text.index('id="overview"') : text.index("<article")]
    menu = text[text.index("<nav") : text.index("</nav>")]
    for part in (overview, menu):
        assert read(part).text.count(task.incident.title) == 1
        assert title in read(part).text
        assert part.count("<details") == 1
        assert [f'href="#i{place}"' in part for place in (1, 2, INCIDENTS_SHOWN, INCIDENTS_SHOWN + 1)] == [
            True, True, True, False,
        ]  # fmt: skip
    assert read(text).text.index(title) < read(text).text.index(worm.story.summary)
    assert " alike: " not in read(page(worm, task, task)).text


def test_devices_that_serve_patients_come_first_and_those_only_connected_to_stand_apart() -> None:
    text = read(page(outbreak.clinical())).text
    assert "9 deviceswph-theatre-pc1 (S3 theatre), wph-path-srv1 (S2 lab.lims), wph-rad-ws01," in text
    assert "3 only connected towph-pharm-pc3 (S2 pharmacy.robot), wph-rad-ws02 (S0 office), wph-ward7-pc1" in text
    assert "only connected to" not in read(page(outbreak.worm())).text


def test_a_device_that_is_alone_is_told_by_its_whole_name() -> None:
    text = read(page(outbreak.harmless())).text
    assert "1 devicewph-fin-pc07.wph.example.org" in text
    assert "All of them in" not in text
