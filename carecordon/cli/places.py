"""Where a hub lies, as its commands take it: a folder of data and one of keys, by option or by environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

DATA: Any = typer.Option(
    Path("carecordon-data"), "--data", metavar="DIR", envvar="CARECORDON_DATA", help="The hub's folder of data."
)
KEYS: Any = typer.Option(
    Path("carecordon-keys"), "--keys", metavar="DIR", envvar="CARECORDON_KEYS", help="The hub's folder of keys."
)
