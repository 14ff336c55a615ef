"""Headless Chromium opens a file and says what became of it: the page after its script ran, and its complaints."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 120
_COMPLAINT = re.compile(r":CONSOLE[^\]]*\] \"(.*?)\", source: ", re.DOTALL)


def found() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a page was after its script ran, and all that the browser wrote on its console."""

    document: str
    console: tuple[str, ...]

    @property
    def title(self) -> str:
        """Return the title."""
        told = re.search(r"<title>(.*?)</title>", self.document, re.DOTALL)
        return told[1] if told else ""


def opened(page: Path, profile: Path, width: int = 1280, *more: str) -> Opened:
    """Open a file in a browser of its own and return what became of it.

    Its network is cut off by a proxy that is not there, so that whatever it asked for would be an error on the console.
    """
    browser = found()
    assert browser is not None
    command = [
        browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={profile}", f"--window-size={width},900", "--proxy-server=127.0.0.1:9",
        "--enable-logging=stderr", "--v=0", "--virtual-time-budget=5000", "--run-all-compositor-stages-before-draw",
        *more, "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=True)
    return Opened(
        run.stdout.decode("utf-8", "replace"), tuple(_COMPLAINT.findall(run.stderr.decode("utf-8", "replace")))
    )
