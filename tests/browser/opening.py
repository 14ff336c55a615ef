"""How long a report takes until it is laid out, in a real browser: `python -m tests.browser.opening REPORT`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import PATIENCE_S, found

RUNS = 5
POLICY = re.compile(r"<meta http-equiv=\"?Content-Security-Policy\"?[^>]*>")
"""Taken out of the copy that is measured: it forbids any script but the page's own."""
CLOCK = """<script>onload = () => {
  document.body.getBoundingClientRect();
  document.title = `laid out after ${Math.round(performance.now())} ms`;
};</script>"""


def main() -> None:
    """Print the milliseconds of each run."""
    browser = found()
    if browser is None:
        sys.exit("needs Chromium: apt-get install chromium")
    text = Path(sys.argv[1]).read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(POLICY.sub("", text, count=1).replace("</body>", f"{CLOCK}</body>"), "utf-8")
        for run in range(RUNS):
            command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/{run}"]
            done = subprocess.run(
                [*command, "--dump-dom", page.as_uri()], capture_output=True, timeout=PATIENCE_S, check=True
            )
            told = re.search(rb"<title>(laid out after [0-9]+ ms)", done.stdout)
            print(told[1].decode() if told else "the page said nothing")


if __name__ == "__main__":
    main()
