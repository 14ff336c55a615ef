"""Where a hub lies, as its commands take it: a folder of data and one of keys, by option or by environment."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import typer

from carecordon.hub.config import Paths

OF_KEYS = "CARECORDON_KEYS"
USUAL = Paths(Path("carecordon-data"), Path("carecordon-keys"))
DATA: Any = typer.Option(
    USUAL.data, "--data", metavar="DIR", envvar="CARECORDON_DATA", readable=False, help="The hub's folder of data."
)
KEYS: Any = typer.Option(
    USUAL.keys, "--keys", metavar="DIR", envvar=OF_KEYS, readable=False, help="The hub's folder of keys."
)
"""Nobody looks at them before the command does, which says more of a folder that is not the caller's."""


def data_option(paths: Paths) -> str:
    """Return the option, a space before it, by which the next command finds the data; '' where it does without."""
    return "" if paths.data == USUAL.data else f" --data {shlex.quote(str(paths.data))}"


def options(paths: Paths) -> str:
    """Return the options by which the next command finds the data and the keys."""
    keys = "" if paths.keys == USUAL.keys else f" --keys {shlex.quote(str(paths.keys))}"
    return data_option(paths) + keys


def start_command(data: Path) -> str:
    """Return how a hub is started of which only the data are known: where its keys lie may stand in the environment."""
    keys = os.environ.get(OF_KEYS)
    if keys or data == USUAL.data:
        return f"carecordon up{options(Paths(data, Path(keys) if keys else USUAL.keys))}"
    return f"carecordon up{data_option(Paths(data, data))} --keys ITS-KEYS"


def owner_of(paths: Paths) -> str:
    """Return who owns a hub's data, or '' where even that cannot be seen."""
    try:
        return paths.data.owner()
    except (OSError, KeyError):
        return ""
