"""In a real browser the page runs nothing but its own script, asks for nothing, and fits a telephone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carecordon.model.result import Result
from carecordon.report.format import View
from carecordon.report.formats.html import HTML
from tests.browser.chromium import found, opened
from tests.report import outbreak
from tests.report.hostile import SCRIPTS, hostile_result

pytestmark = pytest.mark.skipif(found() is None, reason="needs Chromium: apt-get install chromium")

# A page beside ours that holds it in a frame of a given width, does something in it and notes what it then measures.
HARNESS = """<!doctype html><title>none</title><iframe src="page.html" width="WIDTH" height="900"></iframe><script>
onload = () => {
  const inside = document.querySelector("iframe").contentWindow, page = inside.document;
  const texts = () => Array.from(page.querySelectorAll("figure .ruler text"), (node) => node.textContent).slice(0, 5);
  const hidden = () => page.querySelectorAll("figure [visibility=hidden]").length;
  const hides = (node) => node && inside.getComputedStyle(node).clipPath !== "none";
  for (const fold of page.querySelectorAll("details")) fold.open = true;
  const seen = {wide: page.documentElement.scrollWidth, frame: inside.innerWidth, ticks: [], hidden: []};
  seen.beyond = Array.from(page.querySelectorAll("main *")).filter((node) => node.getBoundingClientRect().right >
    inside.innerWidth + 1 && !node.closest("svg") && !hides(node.closest("thead"))).map((node) =>
    node.tagName + "." + node.className).slice(0, 5);
  seen.small = Array.from(page.querySelectorAll("button, summary, nav a")).map((node) => node.getBoundingClientRect())
    .filter((box) => box.height && box.height < 24).length;
  for (const act of [null, "in", "in", "on", "all"]) {
    if (act) page.querySelector(`figure [data-act=${act}]`).click();
    seen.ticks.push(texts());
    seen.hidden.push(hidden());
  }
  seen.state = page.querySelector("figure .state").textContent;
  document.title = JSON.stringify(seen);
};
</script>"""


def many_alike() -> Result:
    """Return a result with a list of devices and small incidents that are told as one."""
    result = outbreak.result()
    return replace(result, cases=[outbreak.clinical(), *[outbreak.harmless()] * 40])


def written(folder: Path, result: Result) -> Path:
    page = folder / "page.html"
    text = "".join(HTML.tell(result, View()))
    page.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    return page


def measured(folder: Path, result: Result, width: int) -> dict[str, Any]:
    written(folder, result)
    harness = folder / "harness.html"
    harness.write_text(HARNESS.replace("WIDTH", str(width)), "utf-8")
    seen = opened(harness, folder / "profile", 1280, "--allow-file-access-from-files")
    assert not seen.console
    made = json.loads(seen.title.replace("&quot;", '"').replace("&amp;", "&"))
    assert isinstance(made, dict)
    return made


def test_the_console_would_tell_of_what_the_policy_stops(tmp_path: Path) -> None:
    page = written(tmp_path, outbreak.result())
    text = page.read_text("utf-8")
    page.write_text(text.replace("<main>", "<main><img src='https://192.0.2.1/x.png' onerror='alert(1)'>"), "utf-8")
    told = " ".join(opened(page, tmp_path / "profile").console)
    assert "192.0.2.1" in told
    assert "Content Security Policy" in told


def test_the_page_opens_without_a_word_on_the_console_and_its_script_runs(tmp_path: Path) -> None:
    seen = opened(written(tmp_path, outbreak.result()), tmp_path / "profile")
    assert seen.console == ()
    assert seen.title == "2 incidents on 13 devices: Carecordon report"
    tools = re.findall(r"<div[^>]*class=\"tools\"[^>]*>", seen.document)
    assert len(tools) == 2
    assert not any("hidden" in tool for tool in tools)


def test_no_hostile_text_runs_or_asks_for_anything(tmp_path: Path) -> None:
    seen = opened(written(tmp_path, hostile_result(*SCRIPTS)), tmp_path / "profile")
    assert seen.console == ()
    assert seen.title.endswith("Carecordon report")
    assert "<img" not in seen.document
    assert seen.document.count("<script>") == 1


@pytest.mark.parametrize("width", [320, 768, 960])
@pytest.mark.parametrize(
    "result",
    [outbreak.result(), hostile_result(*SCRIPTS, "x" * 900), many_alike()],
    ids=["outbreak", "hostile", "alike"],
)
def test_nothing_is_wider_than_the_screen(tmp_path: Path, width: int, result: Result) -> None:
    seen = measured(tmp_path, result, width)
    assert seen["frame"] <= width
    assert seen["wide"] <= seen["frame"]
    assert seen["beyond"] == []
    assert seen["small"] == 0


def test_the_timeline_zooms_and_comes_back(tmp_path: Path) -> None:
    seen = measured(tmp_path, outbreak.result(), 1280)
    whole, half, quarter, later, again = seen["ticks"]
    assert whole == again
    assert whole[0] < half[0] < quarter[0] < later[0]
    assert later[4] < whole[4]
    assert seen["hidden"][0] == seen["hidden"][4] == 0
    assert 0 < seen["hidden"][1] < seen["hidden"][2]
    assert seen["state"] == f"{whole[0]} to {whole[4]}"
