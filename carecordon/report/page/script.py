"""The page's only script: it draws the timelines again for a part of their time, and opens what is folded for print.

It reads numbers from the marks and writes numbers to them; no text of an event passes
through it. Without it the page is whole. Its hash stands in the page's policy.
"""

from __future__ import annotations

SCRIPT = """
"use strict";
for (const figure of document.querySelectorAll("figure.lanes")) {
  const from = +figure.dataset.from, to = +figure.dataset.to, shift = +figure.dataset.shift;
  const tools = figure.querySelector(".tools"), state = figure.querySelector(".state");
  const ticks = figure.querySelectorAll(".ruler text"), plot = figure.querySelector(".plot");
  const marks = Array.from(figure.querySelectorAll("[data-a]"), (node) => ({
    node, a: +node.dataset.a, b: +node.dataset.b,
    line: node.querySelector("line"), point: node.querySelector("svg"), bar: node.querySelector("rect"),
  }));
  const least = Math.max(100 * 1000 / (to - from), 0.01);
  let low = 0, high = 100;
  const clock = (share) => new Date(from + (to - from) * share / 100 + shift * 60000).toISOString().slice(11, 19);
  const place = (share) => (share - low) / (high - low) * 100;
  const inside = (share) => Math.min(100, Math.max(0, place(share)));
  function draw() {
    for (const {node, a, b, line, point, bar} of marks) {
      node.setAttribute("visibility", b < low || a > high ? "hidden" : "visible");
      if (line) { line.setAttribute("x1", inside(a) + "%"); line.setAttribute("x2", inside(b) + "%"); }
      if (point) point.setAttribute("x", inside(a) + "%");
      if (bar) { bar.setAttribute("x", inside(a) + "%"); bar.setAttribute("width", inside(b) - inside(a) + "%"); }
    }
    ticks.forEach((tick, n) => { tick.textContent = clock(low + (high - low) * n / (ticks.length - 1)); });
    const whole = high - low >= 100;
    const off = {in: high - low <= least, out: whole, back: low <= 0, on: high >= 100, all: whole};
    for (const button of tools.querySelectorAll("button")) {
      button.setAttribute("aria-disabled", off[button.dataset.act] ? "true" : "false");
    }
  }
  function show(start, end) {
    const wide = Math.min(100, Math.max(least, end - start));
    low = Math.min(100 - wide, Math.max(0, (start + end - wide) / 2));
    high = low + wide;
    draw();
    state.textContent = clock(low) + " to " + clock(high);
  }
  tools.addEventListener("click", (event) => {
    const act = event.target.dataset.act, wide = high - low, middle = (low + high) / 2;
    if (act === "in") show(middle - wide / 4, middle + wide / 4);
    if (act === "out") show(middle - wide, middle + wide);
    if (act === "back") show(low - wide / 2, high - wide / 2);
    if (act === "on") show(low + wide / 2, high + wide / 2);
    if (act === "all") show(0, 100);
  });
  let held = null;
  const share = (event) => {
    const box = figure.querySelector(".track").getBoundingClientRect();
    return low + (high - low) * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  plot.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && !event.button) held = share(event);
  });
  addEventListener("pointerup", (event) => {
    if (held === null) return;
    const end = share(event), start = held;
    held = null;
    if (Math.abs(end - start) > (high - low) / 50) show(Math.min(start, end), Math.max(start, end));
  });
  addEventListener("beforeprint", () => show(0, 100));
  tools.hidden = false;
  draw();
}
let opened = [];
addEventListener("beforeprint", () => {
  const closed = Array.from(document.querySelectorAll("details:not([open])"));
  opened = closed.filter((fold) => !fold.closest(".quiet, .matches"));
  for (const fold of opened) fold.open = true;
});
addEventListener("afterprint", () => { for (const fold of opened) fold.open = false; });
"""
